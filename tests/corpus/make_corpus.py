"""Writes the hand-made inputs of every fuzz target: what must be read, and every way we know to be wrong.

Run here: python3 tests/corpus/make_corpus.py. Files whose names are 40 hexadecimal digits are not from here: libFuzzer
found them, and scripts/fuzz says how they come here.
"""

import gzip
import json
import pathlib
import shutil
import struct

HERE = pathlib.Path(__file__).parent


def write(target, name, content):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def idx(shape, values, kind=8):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape) + values


def packed(content):
    return gzip.compress(content, mtime=0)


def make_idx():
    good = idx([2, 3], b"abcdef")
    wrong = {
        "empty": b"",
        "magic_short": b"\0\0\x08",
        "magic_wrong": b"PNG image data, not IDX",
        "type_float": idx([1], b"abcd", kind=0x0D),
        "dimensions_0": b"\0\0\x08\0",
        "dimensions_255": b"\0\0\x08\xff" + b"\1" * 2000,
        "dimensions_5": idx([1] * 5, b"a"),
        "dimensions_cut": good[:9],
        "dimension_is_0": idx([3, 0], b""),
        "overflows_32_bits": idx([65536, 65536], b""),
        "overflows_64_bits": idx([65536] * 4, b""),
        "overflows_everything": idx([0xFFFFFFFF] * 4, b""),
        "truncated": good[:-1],
        "trailing": good + b"g",
        "promises_4_gigabytes": idx([65536, 65535], b"abc"),
    }
    for name, content in wrong.items():
        write("idx", name, content)
        write("idx", name + ".gz", packed(content))
    zipped = packed(good)
    write("idx", "good", good)
    write("idx", "good.gz", zipped)
    write("idx", "good_4_dimensions", idx([2, 1, 2, 2], bytes(range(8))))
    write("idx", "bomb.gz", packed(idx([1 << 22], bytes(1 << 22))))
    write("idx", "labels_outside.gz", packed(idx([3], b"\0\1\xff")))
    write("idx", "gzip_truncated", zipped[:-3])
    write("idx", "gzip_checksum", zipped[:-6] + bytes([zipped[-6] ^ 1]) + zipped[-5:])
    write("idx", "gzip_method", zipped[:2] + b"\7" + zipped[3:])
    write("idx", "gzip_twice", zipped + zipped)
    write("idx", "gzip_and_bytes", zipped + b"x")
    write("idx", "gzip_of_gzip", packed(zipped))


def make_csv():
    for name, content in {
        "empty": "",
        "header_only": "a,b",
        "mark_only": "\ufeff",
        "blank_lines": "\n \n\t\n",
        "good": "x,y\n0.5,1.25\n-2e-3,7.5\n",
        "byte_order_mark": "\ufeff\"a\",b\n1,2\n3,4\n",
        "crlf": "a,b\r\n1,2\r\n3,4\r\n",
        "no_final_newline": "a,b\n1,2\n3,4",
        "quoted": "\"a, b\",\"say \"\"c\"\"\",kind\n1,2,\"two\nlines\"\n3,4,\" blanks \"\n",
        "unclosed_quote": "a,b\n1,\"2\n3,4\n",
        "quote_within": "a,b\n1,2\"3\"\n",
        "text_after_quote": "a,b\n1,\"2\"3\n",
        "ragged_short": "a,b\n1,2\n3\n",
        "ragged_long": "a,b\n1,2,3\n",
        "nul_byte": "a,b\n1,\0\n",
        "invalid_utf8": b"a,b\n1,\xe9t\xe9\n",
        "utf16": "a,b\n1,2\n".encode("utf-16"),
        "surrogate": b"a\xed\xa0\x80,b\n1,2\n",
        "not_numbers": "a,b\n1,2\nred,3\n",
        "other_numbers": "a,b\n0x10,1\n1.5.2,2\n+-1,3\n",
        "overflow": "a,b\n1e999,1\n",
        "underflow": "a,b\n1e-999,1\n",
        "nan": "a,b\n1,2\nnan,3\n",
        "inf": "a,b\n1,2\n-Infinity,3\n",
        "constant_column": "a,b,c\n1,2,x\n1,3,y\n",
        "one_row": "a,b\n1,2\n",
        "one_class": "a,b\n1,red\n2,red\n",
        "names": "a,b\n1,rose\n2,lily\n3,rose\n",
        "few_integers": "a,b\n1,0\n2,1\n3,0\n4,1\n",
        "header_empty_name": "a,,c\n1,2,3\n",
        "header_doubled_name": "a,b,a\n1,2,3\n",
        "header_numbers": "1,2.5\n3,4\n",
        "header_newline": "\"a\nb\",c\n1,2\n",
        "header_hostile": "\"</script><img onerror=x>\",\u2028\x01\n1,2\n",
        "one_column": "a;b\n1;2\n",
        "decimal_comma": "a,b\n\"1,5\",\"2,5\"\n",
        "carriage_return": "a,b\n1,2\r3,4\n",
        "many_columns": ",".join(f"c{i}" for i in range(300)) + "\n" + ",".join("1" * 300) + "\n",
        "empty_cells": "a,b\n,\n",
    }.items():
        write("csv", name, content)


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_model(change=lambda metadata, tensors: None):
    """A saved model of 2-2-1 with every weight 0.5, changed by the caller."""
    architecture = {"type": "mlp", "inputs": 2, "hidden": [2], "outputs": 1, "activations": ["tanh"], "norm": "none",
                    "dropout": 0.0, "residual": False}
    metadata = {"schema_version": "1", "data": "made", "task": "regression", "feature_names": [], "class_names": [],
                "normalization": {"mean": [0.0, 0.0], "scale": [1.0, 1.0]}, "architecture": architecture}
    tensors = {"layers.0.weight": [2, 2], "layers.0.bias": [2], "layers.2.weight": [1, 2], "layers.2.bias": [1]}
    change(metadata, tensors)
    header = {"__metadata__": {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}}
    end = 0
    for name, shape in tensors.items():
        begin, end = end, end + 4
        for size in shape:
            end += (size - 1) * (end - begin)
        header[name] = tensor(shape, begin, end)
    return safetensors(header, struct.pack("<f", 0.5) * (end // 4))


def make_safetensors():
    published = '{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}'
    whole = safetensors(published, bytes(16))
    for name, content in {
        "published_no_tensors": safetensors("{}      "),
        "published_i32": whole,
        "published_trailing": whole + bytes(5),
        "published_truncated": whole[:-2],
        "published_header_too_large": whole[:5] + b"\xff\xff\xff" + whole[8:],
        "published_empty": b"",
        "published_length_alone": struct.pack("<Q", 60),
        "published_not_text": struct.pack("<Q", 1) + b"\xff",
        "published_not_closed": struct.pack("<Q", 1) + b"{",
        "header_over_100_mb": struct.pack("<Q", 100_000_001) + b"{}",
        "header_of_0": struct.pack("<Q", 0),
        "header_list": safetensors("[]"),
        "header_invalid_utf8": safetensors(b'{"a\xff":1}'),
        "header_two_documents": safetensors("{} {}"),
        "doubled_tensor": safetensors('{"a":%s,"a":%s}' % ((json.dumps(tensor([0], 0, 0)),) * 2)),
        "doubled_key": safetensors('{"a":{"dtype":"F32","dtype":"F64","shape":[0],"data_offsets":[0,0]}}'),
        "doubled_metadata": safetensors('{"__metadata__":{"k":"1","k":"2"}}'),
        "metadata_list": safetensors({"__metadata__": []}),
        "metadata_number": safetensors({"__metadata__": {"a": 1}}),
        "entry_number": safetensors({"a": 1}),
        "entry_key_missing": safetensors({"a": {"dtype": "F32", "shape": [0]}}),
        "entry_key_more": safetensors({"a": tensor([0], 0, 0) | {"x": 1}}),
        "dtype_unknown": safetensors({"a": tensor([2], 0, 8, "float\n")}, bytes(8)),
        "dtype_number": safetensors({"a": tensor([2], 0, 8, 32)}, bytes(8)),
        "dtype_f16": safetensors({"a": tensor([4], 0, 8, "F16")}, bytes(8)),
        "size_negative": safetensors({"a": tensor([-2], 0, 8)}, bytes(8)),
        "size_fraction": safetensors({"a": tensor([2.5], 0, 8)}, bytes(8)),
        "size_whole_fraction": safetensors('{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', bytes(8)),
        "size_text": safetensors({"a": tensor(["2"], 0, 8)}, bytes(8)),
        "size_1e999": safetensors('{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}}', bytes(8)),
        "size_2_64": safetensors({"a": tensor([1 << 64], 0, 0)}),
        "size_2_64_less_1": safetensors({"a": tensor([(1 << 64) - 1], 0, 8)}, bytes(8)),
        "product_wraps": safetensors({"a": tensor([1 << 32, 1 << 32], 0, 0)}),
        "bytes_wrap": safetensors({"a": tensor([1 << 62], 0, 0)}),
        "exabytes": safetensors({"a": tensor([(1 << 61) - 1], 0, (1 << 63) - 4)}, bytes(8)),
        "overlap": safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)),
        "gap": safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 12, 20)}, bytes(20)),
        "gap_in_front": safetensors({"a": tensor([2], 4, 12)}, bytes(12)),
        "backwards": safetensors({"a": tensor([2], 8, 0)}, bytes(8)),
        "offsets_3": safetensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}', bytes(8)),
        "deep_lists": safetensors('{"a":' + "[" * 2000),
        "deep_objects": safetensors('{"a":' * 500),
        "long_list": safetensors({"a": tensor([1] * 200, 0, 4)}, bytes(4)),
        "name_of_a_path": safetensors({"../../x": tensor([1], 0, 4)}, bytes(4)),
        "name_empty": safetensors({"": tensor([1], 0, 4)}, bytes(4)),
        "name_hostile": safetensors({"a\n</script>\x1b[31m\u2028": tensor([2], 0, 4)}, bytes(4)),
        "scalars": safetensors({"f": tensor([], 8, 12), "d": tensor([], 0, 8, "F64")}, bytes(12)),
        "no_values": safetensors({"f": tensor([3, 0], 0, 0)}),
        "nan": safetensors({"f": tensor([1], 0, 4)}, struct.pack("<f", float("nan"))),
    }.items():
        write("safetensors", name, content)

    def architecture(**changes):
        return lambda metadata, _: metadata["architecture"].update(changes)

    def metadata(**changes):
        return lambda all_metadata, _: all_metadata.update(changes)

    models = {
        "model": lambda *_: None,
        "model_prelu": lambda m, t: (m["architecture"].update(activations=["prelu"]), t.update({"layers.1.weight": [1]})),
        "model_formula": architecture(activations=["x*sigmoid(1.702*x)"]),
        "model_normalized": architecture(activations=["normalized(gelu)"]),
        "model_missing_tensor": lambda m, t: t.pop("layers.2.bias"),
        "model_extra_tensor": lambda m, t: t.update({"layers.9.weight": [1]}),
        "model_wrong_shape": lambda m, t: t.update({"layers.0.weight": [4, 1]}),
        "model_wider_than_its_weights": architecture(hidden=[1 << 31]),
        "model_negative_width": architecture(inputs=30000, hidden=[30000, -30000], activations=["tanh"]),
        "model_fractional_width": architecture(inputs=2.5),
        "model_huge_width": architecture(inputs=1e300),
        "model_many_layers": architecture(hidden=[1] * 400),
        "model_no_width": architecture(hidden=[0] * 20),
        "model_other_type": architecture(type="transformer"),
        "model_other_norm": architecture(norm="group\n"),
        "model_norm_batch": architecture(norm="batch"),
        "model_dropout_2": architecture(dropout=2),
        "model_unknown_activation": architecture(activations=["rleu\n"]),
        "model_activations_differ": architecture(activations=["relu"] * 3),
        "model_architecture_is_text": metadata(architecture="mlp"),
        "model_architecture_is_list": metadata(architecture="[]"),
        "model_deep_architecture": metadata(architecture="[" * 5000),
        "model_other_version": metadata(schema_version="2\n" + "x" * 3000),
        "model_normalization_is_text": metadata(normalization="\"x\""),
        "model_names_are_numbers": metadata(feature_names="[1,2]"),
    }
    for name, change in models.items():
        write("safetensors", name, make_model(change))
    broken = bytearray(make_model())
    broken[-4:] = struct.pack("<f", float("inf"))
    write("safetensors", "model_inf_weight", bytes(broken))


def make_formula():
    formulas = {
        "swish": "x*sigmoid(1.702*x)",
        "gelu": "0.5*x*(1 + erf(x/sqrt(2)))",
        "where": "where(x > 0.5, elu(x, alpha=1.5)^2, -min(x, 3e-1)*sigmoid(1.702*x)/pi)",
        "comparisons": "where(x<1,where(x<=2,where(x>=3,where(x==4,where(x!=5,1,2),3),4),5),e)",
        "functions": "min(x,1)+max(x,2)+abs(x)+sign(x)+exp(x)+expm1(x)+log(x)+log1p(x)+sqrt(x)+sin(x)+cos(x)",
        "more_functions": "tanh(x)+atan(x)+erf(x)+erfc(x)+sigmoid(x)+softplus(x)",
        "activations": "relu(x)+leaky_relu(x,0.2)+prelu(x)+elu(x)+celu(x,alpha=2)+selu(x)+silu(-2*x,1)+mish(x)",
        "powers": "2^-x^2^0.5+x^-3+x^1000+x^1024.5+(-2)^x+e^x",
        "constant": "1/0 - 1/0 + 0^0",
        "empty": "",
        "blank": " \t\r\n",
        "no_end": "x*(1+exp(x",
        "no_operand": "x +",
        "two_operators": "x * * 2",
        "no_operator": "2x",
        "closing": "x)",
        "argument_missing": "where(x > 0, 1)",
        "argument_more": "exp(x, 2)",
        "number_too_large": "x*1e999",
        "number_too_small": "x*1e-999",
        "parameter_of_x": "elu(x, x)",
        "parameter_unknown": "x + elu(x, beta=1)",
        "parameter_outside": "x + elu(x, -1)",
        "parameter_none": "relu(x, 1)",
        "unknown_name": "x + expp(x)",
        "line_breaks": "x\n+\r\n1",
        "control": "x + \x01",
        "nul": "x + \0",
        "kinks": "abs(sin(1e5*x))+sign(sin(x))",
        "wild": "where(sin(exp(x)) == cos(x^3), 1/x, sqrt(log(x)))",
        "deep": "(" * 199 + "x" + ")" * 199,
        "too_deep": "(" * 300 + "x" + ")" * 300,
        "deep_signs": "-" * 300 + "x",
        "deep_powers": "2^" * 300 + "x",
        "too_long": "x+" * 5001 + "x",
        "long_sum": "x+" * 400 + "x",
        "registers": "*".join(f"(x+{i})" for i in range(80)) + "*" + "/".join(f"(x+{i})" for i in range(79, -1, -1)),
    }
    for name, text in formulas.items():
        write("formula", name, text)
    write("formula", "invalid_utf8", b"x + \xff\xfe")
    write("formula", "utf8", "x \u00d7 2")


def make_names():
    names = {
        "a_relu": "arelu",
        "a_alias": "aswish(beta=1.5)",
        "a_two_arguments": "aprelu(0.1, per_channel=1)",
        "a_formula": "amax(x, 0.2*x)",
        "a_normalized": "anormalized(normalized(gelu))",
        "a_normalized_formula": "anormalized(x + abs(x))",
        "a_normalized_constant": "anormalized(2 + 0*x)",
        "a_deep_wrapping": "a" + "normalized(" * 20 + "gelu" + ")" * 20,
        "a_unknown": "arleu",
        "a_argument_unknown": "aelu(beta=1)",
        "a_argument_twice": "aelu(1, alpha=1)",
        "a_argument_not_finite": "aelu(nan)",
        "a_parentheses": "aelu((1)",
        "a_empty": "a",
        "i_he": "ihe(residual)",
        "i_gain_number": "ixavier(gain=1.6667)",
        "i_gain_name": "ilecun(gain=second_moment)",
        "i_gain_unknown": "ilecun(gain=moment)",
        "i_gain_empty": "ixavier(gain=)",
        "i_orthogonal": "iorthogonal(1.4)",
        "i_normal": "inormal(0.02)",
        "i_uniform_negative": "iuniform(-1)",
        "i_matched": "imatched(residual)",
        "i_fixed_point": "ifixed_point",
        "i_critical": "icritical",
        "i_auto": "iauto",
        "i_unknown": "ixaver",
        "s_step": "sstep(3, factor=0.5)",
        "s_step_zero": "sstep(0)",
        "s_step_huge": "sstep(1e300)",
        "s_cosine": "scosine(0.01)",
        "s_cosine_negative": "scosine(-1)",
        "s_warmup": "swarmup",
        "s_unknown": "scosin",
        "o_adam": "oadam",
        "o_unknown": "oadma\n",
        "l_list": "lrelu, leaky_relu(0.2),max(x, 0)",
        "l_empty_part": "lrelu,,gelu",
        "l_parentheses": "lf(,g),),(",
        "call": "?name(1, b=2e-3)",
        "call_no_end": "?name(1",
        "call_no_argument": "?name()",
        "call_too_many": "?name(1,2,3)",
        "call_signs": "?(=,=)",
        "call_long": "?" + "n" * 3000,
    }
    for name, text in names.items():
        write("names", name, text)


def make_stored():
    for name, content in {
        "good": '{"loss":0.25,"label":"relu","gradients":[1,0.5,"nan","inf","-inf"],"layers":[[1,2],[3]]}',
        "empty": "",
        "empty_object": "{}",
        "empty_lists": '{"a":[],"b":[[]],"c":[[],[1]]}',
        "list": "[1,2]",
        "number": "1",
        "null": '{"a":null}',
        "true": '{"a":true,"b":[true],"c":[[true]]}',
        "object": '{"a":{"b":1}}',
        "text_in_list": '{"a":[1,"x"]}',
        "text_in_lists": '{"a":[[1],"x"]}',
        "lists_then_number": '{"a":[[1],2]}',
        "nested": '{"a":[[[1]]]}',
        "deep": '{"a":' + "[" * 3000 + "]" * 3000 + "}",
        "too_large": '{"a":1e999}',
        "doubled": '{"a":1,"a":2}',
        "hostile": '{"</script>\\u0000\\n":"\\u2028<img onerror=x>"}',
        "cut_off": '{"loss":0.2',
        "invalid_utf8": b'{"a":"\xff"}',
        "nul": b'{"a":\x001}',
        "large_integer": '{"a":18446744073709551615,"b":-9223372036854775808}',
    }.items():
        write("stored", name, content)


if __name__ == "__main__":
    make_stored()
    make_idx()
    make_csv()
    make_safetensors()
    make_formula()
    make_names()
