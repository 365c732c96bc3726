"""SF2 soundfonts as Python objects: read, walked, written. For make_soundfont.py."""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np

# SF2 generators (SoundFont 2.04, section 8.1.2).
START_LOOP, END_LOOP, START_LOOP_COARSE, END_LOOP_COARSE = 2, 3, 45, 50
MOD_LFO_TO_PITCH, VIB_LFO_TO_PITCH, MOD_ENV_TO_PITCH = 5, 6, 7
PAN, INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, ATTENUATION = 17, 41, 43, 44, 48
COARSE_TUNE, FINE_TUNE, SAMPLE, LOOP_MODE, SCALE_TUNING, ROOT_KEY = 51, 52, 53, 54, 56, 58
HOLD, DECAY, SUSTAIN = 35, 36, 37


@dataclass
class Wave:
    """A sample: its values, its rate in Hz, its pitch, its loop [start, end)."""

    name: str
    data: np.ndarray
    rate: float
    key: int
    cents: int
    start: int
    end: int
    kind: int = 1
    users: set = field(default_factory=set)


@dataclass
class Zone:
    """Generators in the order of the file, and raw modulators. `target` is a Wave or an Instrument."""

    gens: dict
    mods: list
    target: object = None
    preset: dict | None = None
    own_envelope: bool = False  # presets ask for different decays of it

    def whole(self, gen):
        """An envelope value with what the (first) preset that uses it adds."""
        return self.gens.get(gen, 0 if gen == SUSTAIN else -12000) + self.preset.get(gen, 0)

    def change(self, gen, value):
        self.gens[gen] = value - self.preset.get(gen, 0)


@dataclass
class Instrument:
    name: str
    zones: list


@dataclass
class Preset:
    name: str
    program: int
    bank: int
    zones: list


def instruments_of(presets):
    seen = {}
    for preset in presets:
        for zone in preset.zones:
            seen.setdefault(id(zone.target), zone.target)
    return list(seen.values())


def waves_of(presets):
    waves = {}
    for preset in presets:
        for pz in preset.zones:
            for zone in pz.target.zones:
                waves.setdefault(id(zone.target), zone.target).users.add((preset.bank, preset.program))
    return list(waves.values())


def root(gens, wave):
    """The key at which a zone plays its sample as recorded."""
    key = gens.get(ROOT_KEY, -1)
    key = wave.key if key < 0 else key
    return key - gens.get(COARSE_TUNE, 0) - (gens.get(FINE_TUNE, 0) + wave.cents) / 100


def keys(gens):
    value = gens.get(KEY_RANGE, 0x7F00) & 0xFFFF
    return value & 0xFF, value >> 8


# ---------------------------------------------------------------- reading


def records(data, form):
    return list(struct.iter_unpack(form, data))


def text(raw):
    return raw.split(b"\0")[0].decode("latin1").strip()


def read(path):
    """The presets of a font, with all that hangs on them."""
    with open(path, "rb") as file:
        raw = file.read()
    chunks, at = {}, 12
    while at < len(raw):
        size = struct.unpack_from("<I", raw, at + 4)[0]
        inner, end = at + 12, at + 8 + size
        while inner < end:
            length = struct.unpack_from("<I", raw, inner + 4)[0]
            chunks[raw[inner : inner + 4].decode()] = raw[inner + 8 : inner + 8 + length]
            inner += 8 + length + (length & 1)
        at = end + (size & 1)
    smpl = np.frombuffer(chunks["smpl"], "<i2")
    waves = [
        Wave(text(n), smpl[a:b].astype(np.float64), float(rate), key, cents, ls - a, le - a, kind)
        for n, a, b, ls, le, rate, key, cents, _link, kind in records(chunks["shdr"], "<20sIIIIIBbHH")[:-1]
    ]

    def zones(bags, gens, mods, first, last, targets, kind):
        for b in range(first, last):
            g = dict(gens[bags[b][0] : bags[b + 1][0]])
            m = mods[bags[b][1] : bags[b + 1][1]]
            target = targets[g.pop(kind) & 0xFFFF] if kind in g else None
            yield Zone(g, m, target)

    def plain(zones):
        """Writes the global zone into the others, so that each says all of itself."""
        common = zones[0] if zones[0].target is None else Zone({}, [])
        for zone in zones:
            zone.gens = {**common.gens, **zone.gens}
            own = {(m[0], m[1], m[3]) for m in zone.mods}
            zone.mods = [m for m in common.mods if (m[0], m[1], m[3]) not in own] + zone.mods
        return [zone for zone in zones if zone.target is not None]

    def bank(head, form, bag, gen, mod, targets, kind, make):
        heads, bags = records(chunks[head], form), records(chunks[bag], "<HH")
        gens, mods = records(chunks[gen], "<Hh"), records(chunks[mod], "<HHhHH")
        where = 1 if head == "inst" else 3
        return [
            make(h, plain(list(zones(bags, gens, mods, h[where], n[where], targets, kind))))
            for h, n in zip(heads, heads[1:])
        ]

    def instrument(h, zones):
        return Instrument(text(h[0]), zones)

    def preset(h, zones):
        return Preset(text(h[0]), h[1], h[2], zones)

    instruments = bank("inst", "<20sH", "ibag", "igen", "imod", waves, SAMPLE, instrument)
    return bank("phdr", "<20sHHHIII", "pbag", "pgen", "pmod", instruments, INSTRUMENT, preset)


# ---------------------------------------------------------------- writing


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def listing(name, chunks):
    return chunk(b"LIST", name + b"".join(chunks))


def fixed(name):
    return name.encode("latin1")[:19].ljust(20, b"\0")


def string(text):
    return text.encode() + b"\0" * (2 - len(text) % 2)


def preset_head(name, program, number, bag):
    return fixed(name) + struct.pack("<HHHIII", program, number, bag, 0, 0, 0)


def write(presets, path):
    """Writes a font at the loudest level that its loudest sample allows; all samples keep their relations."""
    waves = waves_of(presets)
    gain = 32767 / max(np.abs(w.data).max() for w in waves)
    parts, at, headers, index, known = [], 0, [], {}, {}
    for w in waves:
        data = np.round(w.data * gain).astype("<i2")
        if w.end:
            data = np.concatenate([data[: w.end], np.resize(data[w.start : w.end], 8)])
        key = (data.tobytes(), w.start, w.end, w.rate, w.key, w.cents)
        if key in known:
            index[id(w)] = known[key]
            continue
        index[id(w)] = known[key] = len(headers)
        start, end = (w.start, w.end) if w.end else (0, len(data) - 1)
        places = at, at + len(data), at + start, at + end
        headers.append(struct.pack("<20sIIIIIBbHH", fixed(w.name), *places, round(w.rate), w.key, w.cents, 0, 1))
        parts += [data, np.zeros(46, "<i2")]
        at += len(data) + 46
    headers.append(struct.pack("<20sIIIIIBbHH", fixed("EOS"), 0, 0, 0, 0, 0, 0, 0, 0, 0))

    def bank(heads, target_kind, target_index, terminator):
        head, bags, gens, mods = [], [], [], []
        for fields, zones in heads:
            head.append(fields(len(bags)))
            for zone in zones:
                bags.append(struct.pack("<HH", len(gens), len(mods)))
                mods += [struct.pack("<HHhHH", *m) for m in zone.mods]
                # Ranges come first and the target last, as the format wants it.
                order = [g for g in (KEY_RANGE, VELOCITY_RANGE) if g in zone.gens]
                order += [g for g in zone.gens if g not in (KEY_RANGE, VELOCITY_RANGE)]
                gens += [struct.pack("<HH", g, zone.gens[g] & 0xFFFF) for g in order]
                gens.append(struct.pack("<HH", target_kind, target_index[id(zone.target)]))
        head.append(terminator(len(bags)))
        bags.append(struct.pack("<HH", len(gens), len(mods)))
        return b"".join(head), b"".join(bags), b"".join(mods) + bytes(10), b"".join(gens) + bytes(4)

    instruments = instruments_of(presets)
    inst = bank(
        [(lambda b, i=i: fixed(i.name) + struct.pack("<H", b), i.zones) for i in instruments],
        SAMPLE,
        index,
        lambda b: fixed("EOI") + struct.pack("<H", b),
    )
    where = {id(i): n for n, i in enumerate(instruments)}
    pre = bank(
        [(lambda b, p=p: preset_head(p.name, p.program, p.bank, b), p.zones) for p in presets],
        INSTRUMENT,
        where,
        lambda b: preset_head("EOP", 0, 0, b),
    )
    info = [
        chunk(b"ifil", struct.pack("<HH", 2, 1)),
        chunk(b"isng", string("EMU8000")),
        chunk(b"INAM", string("Fluid R3 compact")),
        chunk(b"ICOP", string("Frank Wen 2000-2002, 2008; Toby Smithe 2008")),
        chunk(b"ICMT", string("Made smaller from Fluid R3 GM. Licensed under the MIT License.")),
    ]
    pdta = [chunk(n, d) for n, d in zip((b"phdr", b"pbag", b"pmod", b"pgen"), pre)]
    pdta += [chunk(n, d) for n, d in zip((b"inst", b"ibag", b"imod", b"igen"), inst)]
    pdta += [chunk(b"shdr", b"".join(headers))]
    sdta = [chunk(b"smpl", np.concatenate(parts).tobytes())]
    font = chunk(b"RIFF", b"sfbk" + listing(b"INFO", info) + listing(b"sdta", sdta) + listing(b"pdta", pdta))
    with open(path, "wb") as out:
        out.write(font)
    md5 = hashlib.md5(font).hexdigest()
    print(f"{len(headers) - 1} samples, gain {20 * np.log10(gain):.2f} dB, {len(font)} bytes, MD5 {md5}")
