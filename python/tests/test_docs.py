"""Every Python block of the documents runs, in order, as one session."""

import os
import pathlib
import re

import pytest

DOCS = pathlib.Path(os.environ.get("EVENGRAD_DOCS", pathlib.Path(__file__).parents[2] / "docs"))


@pytest.mark.parametrize("name", ["python.md", "which-init-pytorch.md"])
def test_every_block_runs(name, tmp_path, monkeypatch):
    text = (DOCS / name).read_text()
    if "torch" in text:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    session = {}
    for block in blocks:
        exec(compile(block, f"{name}: {block.splitlines()[0]}", "exec"), session)
