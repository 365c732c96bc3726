"""Makes the golden data of this folder; see HOW.md. Usage: make.py FREEDOOM_MIDI_DIR SUGAR_PLUM_OGG FLUIDR3_SF2 OUT_DIR"""
import json, pathlib, subprocess, sys, tempfile, warnings
import librosa, numpy as np, pretty_midi, soundfile as sf
warnings.simplefilter("ignore")
midi_dir, ogg, soundfont, out = sys.argv[1:]
out = pathlib.Path(out)
RATE, SECONDS = 22050, 12.0


def render(name, start, piano):
    midi = pretty_midi.PrettyMIDI(f"{midi_dir}/{name}")
    if piano:
        midi.instruments = [i for i in midi.instruments if not i.is_drum]
        for instrument in midi.instruments:
            instrument.program = 0
    with tempfile.TemporaryDirectory() as tmp:
        midi.write(f"{tmp}/a.mid")
        subprocess.run(["fluidsynth", "-ni", "-g", "0.5", "-r", "44100", "-F", f"{tmp}/a.wav", soundfont, f"{tmp}/a.mid"],
                       check=True, capture_output=True)
        y, _ = librosa.load(f"{tmp}/a.wav", sr=RATE, mono=True, offset=start, duration=SECONDS)
    beats = midi.get_beats() - start
    return y, beats[(beats >= 0) & (beats < SECONDS)]


cases = {
    "piano": render("d_map02.mid", 24.0, True),
    "band": render("d_map28.mid", 24.0, False),
    "recording": (librosa.load(ogg, sr=RATE, mono=True, offset=20.0, duration=SECONDS)[0], None),
}
r = 2 ** (1 / 12)
q_of_the_papers = (1 / (r - 1)) / ((r * r + 1) / (r * r - 1))
result = {"librosa": librosa.__version__, "filter_scale_of_the_papers": q_of_the_papers}
for name, (y, true_beats) in cases.items():
    y = y / np.abs(y).max() * 0.9
    sf.write(out / f"{name}.wav", y, RATE, subtype="PCM_16")
    y, _ = sf.read(out / f"{name}.wav", dtype="float32")

    def cqt(hop, scale):
        c = librosa.cqt(y, sr=RATE, hop_length=hop, fmin=librosa.midi_to_hz(36), n_bins=48, tuning=0.0, filter_scale=scale)
        return np.abs(c).T.astype("<f4")

    np.save(out / f"{name}_cqt.npy", cqt(1024, 1.0))
    np.save(out / f"{name}_cqt_papers.npy", cqt(1024, q_of_the_papers))
    envelopes = {
        "cqt": librosa.onset.onset_strength(S=cqt(512, q_of_the_papers).T, sr=RATE, hop_length=512, aggregate=np.median),
        "mel": librosa.onset.onset_strength(y=y, sr=RATE, hop_length=512, aggregate=np.median),
    }
    case = {"true_beats": None if true_beats is None else true_beats.tolist()}
    for kind, envelope in envelopes.items():
        np.save(out / f"{name}_onset_{kind}.npy", envelope.astype("<f4"))
        tempo, beats = librosa.beat.beat_track(onset_envelope=envelope, sr=RATE, hop_length=512, units="time")
        _, told = librosa.beat.beat_track(onset_envelope=envelope, sr=RATE, hop_length=512, units="time", bpm=240.0)
        case[kind] = {"tempo": float(np.ravel(tempo)[0]), "beats": beats.tolist(), "beats_at_240": told.tolist()}
    result[name] = case
(out / "beats.json").write_text(json.dumps(result, indent=1) + "\n")
