#!/usr/bin/env python3
"""report_documents.py PROGRAM SCHEMA EXPERIMENT...: validates the documents of all three kinds of reports."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

program, schema_file, *experiments = sys.argv[1:]
largest = 2_000_000  # bytes of a page
start, end = '<script type="application/json" id="evengrad-report">', "</script>"

schema = json.loads(Path(schema_file).read_text(encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)

commands = {
    "train": "train --data spirals --samples 200 --hidden 16,16 --epochs 20 --report {}/report.html",
    "compare": "compare --activations relu,sigmoid --inits he,critical --depths 1,3 --widths 8 --lrs 0.01,0.03 --seeds 2"
    " --steps 20 --data moons --samples 100 --out {}",
    "run": f"run {' '.join(experiments)} --profile quick --out {{}}",
}
failed = False
with tempfile.TemporaryDirectory() as temporary:
    for kind, command in commands.items():
        folder = Path(temporary) / kind
        folder.mkdir()
        arguments = [word.format(folder) for word in command.split()]
        subprocess.run([program, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        page = (folder / "report.html").read_text(encoding="utf-8")
        document = json.loads(page.split(start)[1].split(end)[0])
        errors = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
        size = len(page.encode())
        if document["kind"] != kind:
            errors.append(f"kind is {document['kind']}")
        if size > largest:
            errors.append(f"{size} bytes are more than {largest}")
        print(f"{kind}: {size} bytes,", errors[:5] or "valid")
        failed = failed or bool(errors)
sys.exit(failed)
