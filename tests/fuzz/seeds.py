"""Writes seeds for the fuzz targets, from the files of the tests and the smallest that are valid.

    python3 tests/fuzz/seeds.py FOLDER              FOLDER/TARGET/…, to be named after a corpus of one's own
    python3 tests/fuzz/seeds.py FOLDER LONGEST      those of at most so many bytes, and recordings cut there

`corpus` is what it makes with 6000 bytes, and bytes that once did harm. What a byte in front means, and how a model is split in lines, each target says.
"""

import json
import pathlib
import struct
import sys

data = pathlib.Path(__file__).parent.parent / "data"
samples = data / "samples" / "0.1.0"
out = pathlib.Path(sys.argv[1])
longest = int(sys.argv[2]) if len(sys.argv) > 2 else None


def seed(target, name, content):
    if longest and len(content) > longest:
        if target != "audio":
            return
        content = content[: longest // 3]
    (out / target).mkdir(parents=True, exist_ok=True)
    (out / target / name).write_bytes(content)


def read(name):
    return (samples / name).read_bytes()


def table(shapes):
    """Line of tensors and their bytes, all of them small numbers."""
    tensors, content = {}, b""
    for name, shape in shapes.items():
        count = 1
        for n in shape:
            count *= n
        kind, letter, size = ("F16", "e", 2) if name in ("audio", "midi", "roll") else ("F32", "f", 4)
        values = [0.125 * (1 + i % 5) for i in range(count)]
        begin = len(content)
        content += struct.pack(f"<{count}{letter}", *values)
        tensors[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, begin + size * count]}
    return json.dumps(tensors, separators=(",", ":")).encode() + b"\n" + content


def model(metadata, shapes):
    return json.dumps(metadata, separators=(",", ":")).encode() + b"\n" + table(shapes)


def soundfont():
    def chunk(name, content):
        return name + struct.pack("<I", len(content)) + content

    def words(*values):
        return struct.pack(f"<{len(values)}H", *values)

    def preset(bag):
        return bytes(20) + words(0, 0, bag) + bytes(12)

    def sample(end):
        return bytes(20) + struct.pack("<5I", 0, end, 8, 40, 44100) + bytes([60, 0]) + words(0, 1)

    lists = [
        b"INFO" + chunk(b"ifil", words(2, 1)) + chunk(b"INAM", b"Tiny\0\0"),
        b"sdta" + chunk(b"smpl", words(*[1000] * 64)),
        b"pdta"
        + chunk(b"phdr", preset(0) + preset(1))
        + chunk(b"pbag", words(0, 0, 1, 0))
        + chunk(b"pmod", bytes(10))
        + chunk(b"pgen", words(41, 0, 0, 0))
        + chunk(b"inst", bytes(20) + words(0) + bytes(20) + words(1))
        + chunk(b"ibag", words(0, 0, 4, 0))
        + chunk(b"imod", bytes(10))
        + chunk(b"igen", words(8, 9000, 34, 0xF000, 54, 1, 53, 0, 0, 0))
        + chunk(b"shdr", sample(60) + sample(0)),
    ]
    return chunk(b"RIFF", b"sfbk" + b"".join(chunk(b"LIST", content) for content in lists))


def hash_architecture():
    layers = ["flatten", {"convolution": {"time": 1, "pitch": 1, "filters": 1}}, {"pool": {"time": 8, "pitch": 1}}]
    layers += [{"dense": {"units": 2}}, "tanh"]
    return {"name": "least", "midi_input": "constant_q", "scaling": "frame_mean", "layers": layers}


def embedding_architecture():
    front = ["flatten", {"convolution": {"time": 1, "pitch": 1, "filters": 1}}, {"leaky_relu": {"slope": 0.0625}}]
    parts = {"name": "least", "scaling": "standardised", "pooled_frames": 8, "front": front}
    return parts | {"attention": {"hidden": {"units": 2}}, "head": [{"dense": {"units": 128}}, "tanh"], "unit_length": True}


HASH = {"1.weights": [48, 1], "1.biases": [1], "3.weights": [1, 2], "3.biases": [2]}
EMBEDDING = {"front.1.weights": [48, 1], "front.1.biases": [1], "head.0.weights": [1, 128], "head.0.biases": [128]}
EMBEDDING |= {"attention": [6], "mean": [48], "deviation": [48]}


def both(shapes):
    return {f"{side}.{name}": shape for side in ("audio", "midi") for name, shape in shapes.items()}


# Music: our own, in every container.
for path in sorted((data / "audio").iterdir()):
    if path.suffix not in (".md", ".sh", ".py"):
        seed("audio", path.name, path.read_bytes())
for channels, bits in ((1, 8), (2, 16), (1, 24)):
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, 8000, 8000 * width, width, bits)
    sound = bytes(range(width)) * 40
    wav = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(sound)) + sound
    seed("audio", f"{channels}x{bits}.wav", b"RIFF" + struct.pack("<I", len(wav)) + wav)
for path in sorted((samples / "music").glob("*.mid")) + [samples / "alignment" / "aligned.mid"]:
    seed("midi", path.name.split(" - ")[-1].replace(" ", "-").lower(), path.read_bytes()[:4096])
seed(
    "midi",
    "metas.mid",
    b"MThd\0\0\0\x06\0\x01\0\x02\0\x60MTrk\0\0\0\x1b\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x03\x02\x18\x08\0\xff\x59\x02\xff\x01\0\xff\x2f\0"
    b"MTrk\0\0\0\x1a\0\xb9\x07\x64\0\xe0\x01\x40\0\x99\x26\x64\x40\x26\0\0\xf0\x03\x7e\x7f\xf7\0\xff\x2f\0",
)
seed("soundfont", "tiny.sf2", soundfont())

# An index: index.json whole and sealed, and each column.
seed("index", "whole", b"\0" + read("index/index.json"))
seed("index", "sealed", b"\x01" + json.dumps(json.loads(read("index/index.json")), separators=(",", ":")).encode())
columns = ["ids.bin", "lines.u64", "rows.u64", "steps.u64", "frames.u64"]
for number, name in enumerate(columns + ["entries.jsonl", "embeddings.f16", "codes.u32", "levels.u8"]):
    column = read(f"index/segments/0000000{1 if number < 5 else 2}/{name}")
    column = column[: 60 * 40] if name == "levels.u8" else column
    seed("index", name, bytes([3 + number]) + column)
    # Those from 128 on also remove an entry.
    seed("index", f"{name}.removed", bytes([3 + number + 132]) + column)

# Models.
standard = {"mean": [0.5] * 48, "deviation": [2.0] * 48}
hash_model = {"antiphon": "0.1.0", "format": "hash-model/1", "architecture": hash_architecture()}
hash_model |= {"midi": standard, "audio": standard, "training": {}}
embedding_model = {"antiphon": "0.1.0", "format": "embedding-model/1", "architecture": embedding_architecture(), "training": {}}
seed("model", "hash", b"\x01" + model(hash_model, both(HASH)))
seed("model", "embedding", b"\x01" + model(embedding_model, both(EMBEDDING)))
overlapping = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}
seed("model", "overlapping", b"\x01{}\n" + json.dumps(overlapping).encode() + b"\n" + bytes(24))
seed("model", "raw", b"\0" + read("models/hash.safetensors"))
seed("model", "judge", b"\x02" + (data.parent.parent / "assets/models/verdict.json").read_bytes())
judge = json.loads((data.parent.parent / "assets/models/verdict.json").read_text())
for sight in judge["sights"].values():
    sight["terms"] = sight["terms"][:2]
judge = {name: value for name, value in judge.items() if name not in ("quality", "qualities", "crossed")}
seed("model", "short-judge", b"\x02" + json.dumps(judge, separators=(",", ":")).encode())
seed("model", "hash-layers", b"\x04" + json.dumps(hash_architecture()).encode())
seed("model", "embedding-layers", b"\x05" + json.dumps(embedding_architecture()).encode())
seed("model", "hash-layers.sample", b"\x04" + read("models/hash.json"))
seed("model", "embedding-layers.sample", b"\x05" + read("models/embedding.json"))

# A checkpoint: its numbers are the network's twice again.
group = {"mean": [48], "deviation": [48], "parameters": [53], "first": [53], "second": [53]}
standing = {"step": 3, "patience": 60, "best": [0.5, 2], "loss": [0.0, 0], "seconds": 0.25}
checkpoint = {"antiphon": "0.1.0", "format": "hash-checkpoint/1", "made_with": "MADE_WITH", "standing": standing}
seed("checkpoint", "least", b"\x01" + model(checkpoint | {"steps_of_optimisers": [3, 3]}, both(group)))
seed("checkpoint", "raw", b"\0" + read("training/hash/hash.safetensors.checkpoint"))

# Data sets.
for name in ("aligned", "synthesized"):
    seed("dataset", name, b"\0" + read(f"dataset/{name}/dataset.json"))
pair = {"audio": [3, 60], "midi": [3, 60], "roll": [3, 60], "midi_time": [3]}
seed("dataset", "pair", b"\x02" + model({"seed": 1}, pair))

# Curation.
seed("journal", "decisions", read("curation/decisions.jsonl"))
seed("journal", "torn", read("curation/decisions.jsonl")[:-40])
seed("journal", "few", b"".join(read("curation/decisions.jsonl").splitlines(keepends=True)[:3]))
seed("decisions", "document", b"\0" + read("curation/decisions.json"))
for number, path in enumerate(sorted((samples / "curation" / "jams").iterdir())):
    seed("decisions", f"{number}.jams", b"\x01" + path.read_bytes())
seed("table", "decisions", read("curation/decisions.csv"))
seed("table", "pairs", read("queue/list.csv"))
seed("table", "semicolons", "\ufeffmidi;audio;confidence\r\na.mid;b.mp3;0,5\r\n\"x;y\";z;\r\n".encode())
seed("table", "sep", b"sep=|\nmidi|audio\n1|2\n")
seed("table", "wide", "midi\taudio\r\n1\tF\u00fcr\r\n".encode("utf-16"))
seed("table", "latin", b"midi,audio\n1,F\xfcr \x93Elise\x94\n")
seed("table", "map", read("alignment/alignment.csv"))
for number, name in enumerate(["collect/pairs.jsonl", "curation/pairs.jsonl", "match/matches.jsonl"]):
    seed("pairs", f"{number}.jsonl", b"\0" + read(name))
seed("pairs", "search", b"\x01" + read("queue/search.json"))
seed("pairs", "list", b'\x01[{"midi": "a.mid", "audio": "b.mp3", "confidence": 0.5, "judge": "x", "score": "0,25"}]')
seed("pairs", "tree", b"\x02" + read("curation/tree/match_scores.json"))

# What else is kept.
for name in ("work.json", "queue.json", "unsaved.json.autosave"):
    seed("session", name, read(f"session/{name}"))
seed("settings", "settings", read("settings/settings.json"))
arrangement = json.loads(read("session/queue.json"))["queue"]["arrangement"]
seed("settings", "arrangement", json.dumps({"arrangement": arrangement}).encode())
for order in ("listed", {"stratified": {"seed": 7}}, {"random": {"seed": 7}}):
    text = json.dumps({"arrangement": {"order": order}, "rendition": {"speed": 9}, "tone": {"gamma": -1}})
    seed("settings", order if isinstance(order, str) else next(iter(order)), text.encode())
seed("catalogue", "lines", b"\0" + read("catalogue/catalogue.jsonl"))
seed("catalogue", "table", b"\x01" + read("catalogue/catalogue.csv"))
seed("catalogue", "alignments", b"\x02" + read("collect/pairs.jsonl.alignments"))
seed("alignment", "whole", read("alignment/alignment.json"))
seed("alignment", "found", b'{"format":"alignment/1","midi":"x.mid","audio":"/nowhere/x.wav","segments":[]}')
seed("results", "matches", b"\0" + read("match/matches.jsonl"))
seed("results", "runs", b"\x01" + read("toy/runs.json"))
running = json.loads(read("toy/running.json"))
running["task"] = {"problem": "addition", "pooling": "attention", "lengths": {"near": 50}}

def noughts(value):
    """The same with every long list of numbers short to write."""
    if isinstance(value, dict):
        return {name: noughts(inner) for name, inner in value.items()}
    return [0] * len(value) if isinstance(value, list) and len(value) > 100 else value


seed("results", "running", b"\x02" + json.dumps(noughts(running), separators=(",", ":")).encode())
