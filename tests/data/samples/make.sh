#!/bin/sh
# Makes the samples of a version in a folder of its name; see HOW.md. From anywhere:
#
#     sh tests/data/samples/make.sh path/to/antiphon
set -eu
umask 022
antiphon=$(realpath "$1")
cd "$(dirname "$0")/../../.."
version=$("$antiphon" --version | cut -d' ' -f2)
out=tests/data/samples/$version
[ ! -e "$out" ] || { echo "$out is there already: samples of a version are never made anew" >&2; exit 1; }
parts=$PWD/tests/data/samples/parts.py
# Indexes and lists keep whole paths: these are those of no machine in particular.
work=/tmp/antiphon-samples
[ ! -e "$work" ] || { echo "$work is in the way" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
export USER=curator RAYON_NUM_THREADS=1

# What the window and people write, with every field of this version and no value that is the default.
mkdir -p "$work/session" "$work/settings" "$work/curation" "$work/queue" "$work/catalogue" "$work/models" "$work/music"
python3 "$parts" music "$work/music"
first="Ann Other - First Tune" second="Ann Other - Second Tune" third="Ann Other - Third Tune"
fourth="Ann Other - Fourth Tune" short="Ann Other - Too Short"
md5() { md5sum "$1" | cut -d' ' -f1; }
bytes() { wc -c <"$1" | tr -d ' '; }
midi_md5=$(md5 "$work/music/$first.mid") midi_bytes=$(bytes "$work/music/$first.mid")
audio_md5=$(md5 "$work/music/$first.wav") audio_bytes=$(bytes "$work/music/$first.wav")

cat >"$work/session/work.json" <<END
{
  "format": 1,
  "saved_s": 1796000000,
  "midi": {
    "path": "../music/$first.mid",
    "bytes": $midi_bytes,
    "md5": "$midi_md5"
  },
  "recordings": [
    {
      "path": "../music/gone.wav",
      "bytes": 4321,
      "md5": "0123456789abcdef0123456789abcdef"
    },
    {
      "path": "../music/$first.wav",
      "bytes": $audio_bytes,
      "md5": "$audio_md5"
    }
  ],
  "selected": 1,
  "playhead_s": 4.25,
  "view_s": [
    2.5,
    7.75
  ],
  "bins": [
    6.0,
    30.5
  ],
  "queue": null
}
END
# As it is written at once, before the contents are known.
cat >"$work/session/unsaved.json.autosave" <<END
{
  "format": 1,
  "saved_s": 1796000100,
  "midi": {
    "path": "../music/$second.mid",
    "bytes": null,
    "md5": null
  },
  "recordings": [
    {
      "path": "../music/$first.wav",
      "bytes": null,
      "md5": null
    }
  ],
  "selected": 0,
  "playhead_s": 6.5,
  "view_s": null,
  "bins": null,
  "queue": null
}
END
cat >"$work/session/queue.json" <<END
{
  "format": 1,
  "saved_s": 1796000200,
  "midi": null,
  "recordings": [],
  "selected": null,
  "playhead_s": 3.0,
  "view_s": null,
  "bins": null,
  "queue": {
    "source": {
      "path": "../queue/list.csv",
      "bytes": null,
      "md5": null
    },
    "journal": {
      "path": "../curation/decisions.jsonl",
      "bytes": null,
      "md5": null
    },
    "item": "b",
    "arrangement": {
      "filter": {
        "flagged": true,
        "state": "unsure",
        "text": "tune"
      },
      "order": {
        "uncertain": {
          "threshold": 0.625
        }
      }
    }
  }
}
END
cat >"$work/settings/settings.json" <<'END'
{
  "format": 1,
  "theme": "light",
  "color_map": "cividis",
  "tone": {
    "gamma": 1.5,
    "dark": 0.25,
    "inverted": true
  },
  "mix": {
    "listen": "midi",
    "balance": -0.25,
    "split": false,
    "midi_muted": true,
    "recording_muted": true,
    "click": "onsets"
  },
  "rendition": {
    "warp": "recording",
    "speed": 0.75,
    "varispeed": true
  },
  "follow": "centred",
  "soundfont": "fonts/other.sf2",
  "ui_scale": 1.25,
  "keys": {
    "Confirm": "Ctrl+Shift+A"
  },
  "single_keys": false,
  "reduced_motion": true,
  "beats": false,
  "onsets": true,
  "curves": false,
  "accumulated": true,
  "hash_bits": false,
  "hamming_matrix": true,
  "activations": true,
  "shared_scale": true,
  "hash_model": "models/hash.safetensors",
  "attention": false,
  "embedding_model": "models/embedding.safetensors",
  "compared_split": "valid",
  "blind": true,
  "threshold": 0.75,
  "index": "music.index",
  "search": {
    "top": 25,
    "exhaustive": true,
    "all_keys": true,
    "order": "name",
    "reversed": true
  },
  "tab": "search",
  "training": {
    "folders": [
      "pairs",
      "more"
    ],
    "output": "mine.safetensors",
    "preset": "gen2",
    "minutes": 12.5,
    "seed": 7
  },
  "toy": {
    "problem": "multiplication",
    "pooling": "unweighted",
    "varied": true,
    "length": 500,
    "learning_rate": 0.01,
    "seed": 3
  },
  "panels": {
    "list": false,
    "list_width": 200.0,
    "inspector": false,
    "inspector_width": 300.0,
    "recording_share": 0.25
  },
  "recent": [
    "work.json",
    "list.csv"
  ]
}
END
# A journal that a window has written to, with every kind of line; what the command line adds follows below.
line() { printf '%s\n' "$1" >>"$work/curation/decisions.jsonl"; }
files="\"midi\":\"../music/$first.mid\",\"audio\":\"../music/$first.wav\""
rest='"blind":false,"seconds":4.5,"antiphon":"'$version'"'
line '{"at":"2026-11-29T09:00:00.125Z","curator":"ann","item":"a","decision":"confirmed","reason":null,"note":"the bridge, \"twice\"","flag":true,"confidence":0.875,"score":0.25,"parts":{"embedding_distance":0.5,"hash_distance":3.25,"transpose":-2.0},"map":"00112233445566778899aabbccddeeff","correction":{"offset_ms":-12.5,"anchors":[[1.0,1.5],[2.0,2.75]],"span":[0.5,9.5]},'"$files"',"blind":true,"seconds":12.25,"antiphon":"'$version'"}'
line '{"at":"2026-11-29T09:00:10.250Z","curator":"ann","item":"b","decision":"rejected","reason":"wrong-key","note":"","flag":false,"confidence":0.375,"score":0.8125,"map":null,'"$files,$rest"'}'
line '{"at":"2026-11-29T09:00:20.375Z","curator":"ann","item":"b","decision":"undone","reason":null,"note":"","flag":false,"confidence":null,"score":null,"map":null,"midi":null,"audio":null,'"$rest"'}'
line '{"at":"2026-11-29T09:00:30.500Z","curator":"ann","item":"b","decision":"unsure","reason":null,"note":"","flag":false,"confidence":0.375,"score":0.8125,"map":null,'"$files,$rest"'}'
line '{"at":"2026-11-29T09:00:40.625Z","curator":"ann","item":"c","decision":"skipped","reason":null,"note":"","flag":false,"confidence":null,"score":null,"map":null,"midi":null,"audio":null,'"$rest"'}'
line '{"at":"2026-11-29T09:00:50.750Z","curator":"ann","item":"d","decision":null,"reason":null,"note":"ask Bob","flag":true,"confidence":null,"score":null,"map":null,"midi":null,"audio":null,'"$rest"'}'
line '{"at":"2026-11-29T09:01:00.875Z","curator":"bob","item":"b","decision":"rejected","reason":"other-version","note":"live","flag":false,"confidence":0.375,"score":0.8125,"map":null,'"$files,$rest"'}'
cat >"$work/queue/list.csv" <<END
item,midi,audio,artist,title,confidence,hash_distance
a,../music/$first.mid,../music/$first.wav,Ann Other,First Tune,0.875,3.25
b,../music/$second.mid,../music/$first.wav,Ann Other,"Second, or a tune",0.375,7.5
c,../music/$third.mid,../music/$first.wav,Ann Other,Third Tune,0.125,
END
cat >"$work/catalogue/catalogue.jsonl" <<END
{"path": "../music/$first.wav", "artist": "Ann Other", "release": "Tunes", "title": "First Tune", "id": "TRABCDE128F4272969", "duration": 201.5, "sample_rate": 22050, "audio_md5": "8", "7digitalid": 26, "year": 1981}
{"path": "../music/$second.mid", "title": "Second Tune"}
END
cat >"$work/catalogue/catalogue.csv" <<END
path,artist,title
../music/$first.wav,Ann Other,"First Tune"
END
# Networks as small as they can be.
cat >"$work/models/hash.json" <<'END'
{
  "name": "tiny",
  "midi_input": "constant_q",
  "scaling": "frame_mean",
  "layers": [
    "flatten",
    {"convolution": {"time": 3, "pitch": 1, "filters": 8}},
    "relu",
    {"pool": {"time": 2, "pitch": 1}},
    {"pool": {"time": 4, "pitch": 1}},
    {"dense": {"units": 16}},
    "tanh"
  ]
}
END
cat >"$work/models/embedding.json" <<'END'
{
  "name": "tiny",
  "scaling": "standardised",
  "pooled_frames": 8,
  "front": ["flatten", {"convolution": {"time": 3, "pitch": 1, "filters": 8}}, {"leaky_relu": {"slope": 0.0625}}],
  "attention": {"hidden": {"units": 4}},
  "head": [{"dense": {"units": 128}}, "tanh"],
  "unit_length": true
}
END

cd "$work"
# Trainings that were killed after a checkpoint, and what comes of them when they go on.
python3 "$parts" data "$work/learned/data"
mkdir -p training/hash training/embedding learned/hash learned/embedding
train_hash="train hash --data learned/data --architecture models/hash.json --steps 300 --batch 4 --crop 128 --seed 5 --quiet"
train_embedding="train embed --data learned/data --architecture models/embedding.json --steps 150 --batch 4 --tempo 1.25 --seed 6 --quiet"
python3 "$parts" interrupt learned/hash/hash.safetensors.checkpoint "$antiphon" $train_hash -o learned/hash/hash.safetensors
cp learned/hash/* training/hash
"$antiphon" $train_hash -o learned/hash/hash.safetensors
cp learned/hash/hash.safetensors models
python3 "$parts" interrupt learned/embedding/embedding.safetensors.checkpoint \
    "$antiphon" $train_embedding -o learned/embedding/embedding.safetensors
cp learned/embedding/* training/embedding
"$antiphon" $train_embedding -o learned/embedding/embedding.safetensors
cp learned/embedding/embedding.safetensors models

# What they make of a recording.
mkdir arrays documents
models="--model models/hash.safetensors"
"$antiphon" hash "music/$first.wav" $models -o arrays/codes.npy --quiet >documents/hash.json
"$antiphon" embed "music/$first.wav" --model models/embedding.safetensors -o arrays/embedding.npy \
    --attention arrays/attention.npy --quiet >documents/embedding.json
"$antiphon" features "music/$first.wav" -o arrays/features.npy --quiet

# An index of two segments and a removed entry, a search in it, a collection matched against it.
"$antiphon" index build "music/$first.mid" "music/$first.wav" "music/$second.mid" "music/$third.mid" "music/$short.mid" \
    --catalogue catalogue/catalogue.jsonl --index index $models --embedding models/embedding.safetensors --quiet
"$antiphon" index remove "music/$short.mid" --index index --quiet
"$antiphon" index add "music/$fourth.mid" --index index --quiet
"$antiphon" index info --index index --json >documents/index-info.json
(cd queue && "$antiphon" search "../music/$third.mid" --index ../index --json --quiet >search.json)
"$antiphon" match "music/$second.mid" "music/$third.mid" curation/decisions.jsonl --index index -o match --quiet || [ $? -eq 2 ]

# Pairs: collected by name, as a data set, and rendered.
mkdir collect dataset
"$antiphon" collect --midi "music/$first.mid" --audio "music/$first.wav" --catalogue catalogue/catalogue.csv \
    -o collect/pairs.jsonl --text-score 0 --seed 3 --json --quiet >documents/collect.json
"$antiphon" dataset align collect/pairs.jsonl -o dataset/aligned --seed 4 --quiet

# An alignment, as a document and as files; a toy table.
mkdir alignment
(cd alignment && "$antiphon" align "../music/$first.mid" "../music/$first.wav" -o . --quiet >/dev/null && rm alignment.png)
"$antiphon" toy table -o toy --lengths 50 --rates 0.003 --epochs 1 --quiet >/dev/null
python3 "$parts" toy toy

# Decisions by a script, and all of them exported.
(
    cd curation
    "$antiphon" curate decide decisions.jsonl --item e --decision confirmed --curator curator --note "by a script" \
        --midi "../music/$second.mid" --audio "../music/$first.wav" --confidence 0.75
    "$antiphon" curate decide decisions.jsonl --item f --decision rejected --reason bad-midi --curator curator
)
"$antiphon" curate export curation/decisions.jsonl --csv curation/decisions.csv --document curation/decisions.json \
    --jams curation/jams --pairs curation/pairs.jsonl --tree curation/tree --quiet
"$antiphon" curate report curation/decisions.jsonl --json >documents/curation-report.json

cd - >/dev/null
rm -rf "$work/learned"
cp -R "$work" "$out"
# The sources of a rendered data set are looked at again when it goes on: they are where they will lie. One is too short.
"$antiphon" dataset synthesize "$out/music/$second.mid" "$out/music/$short.mid" \
    -o "$out/dataset/synthesized" --seconds 10 --variants 2 --seed 2 --quiet || [ $? -eq 2 ]
du -sk "$out"
