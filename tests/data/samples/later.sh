#!/bin/sh
# Makes the samples of formats that came after those of 0.1.0, in the folder `0.1.0-later`; see HOW.md. From anywhere:
#
#     sh tests/data/samples/later.sh path/to/antiphon
set -eu
umask 022
antiphon=$(realpath "$1")
cd "$(dirname "$0")/../../.."
out=tests/data/samples/0.1.0-later
[ ! -e "$out" ] || { echo "$out is there already: samples of a version are never made anew" >&2; exit 1; }
parts=$PWD/tests/data/samples/parts.py old=$PWD/tests/data/samples/0.1.0
work=/tmp/antiphon-samples
[ ! -e "$work" ] || { echo "$work is in the way" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
export USER=curator RAYON_NUM_THREADS=1
mkdir -p "$work/songs" "$work/verdict" "$work/list" "$work/curation" "$work/training/hash" "$work/training/embedding"
cd "$work"

# Labelled pairs with their evidence, and the judge that learns from them.
python3 "$parts" songs songs
"$antiphon" evaluate verdict songs --nearest 1 --others 0 --json --quiet >verdict/pairs.json
"$antiphon" train verdict --data verdict/pairs.json -o verdict/judge.json --json --quiet >/dev/null

# A list of pairs, aligned; one can't be read.
cat >list/pairs.jsonl <<'END'
{"item": "a", "midi": "../songs/0.mid", "audio": "../songs/0.wav"}
{"item": "b", "midi": "../songs/1.mid", "audio": "../songs/0.wav"}
{"item": "c", "midi": "../songs/gone.mid", "audio": "../songs/0.wav"}
END
"$antiphon" align list/pairs.jsonl -o list/aligned.jsonl --quiet || [ $? -eq 2 ]

# What a window adds to a line since a queue says which judge gave a confidence.
cat >curation/decisions.jsonl <<'END'
{"at":"2026-11-30T09:00:00.125Z","curator":"ann","item":"a","decision":"confirmed","reason":null,"note":"","flag":false,"confidence":0.875,"judge":"1f6c02ab pair","order":"stratified","score":0.25,"parts":{},"map":null,"correction":null,"midi":"a.mid","audio":"a.wav","blind":false,"seconds":4.5,"antiphon":"0.1.0"}
{"at":"2026-11-30T09:00:10.250Z","curator":"ann","item":"b","decision":"skipped","reason":null,"note":"","flag":false,"confidence":0.125,"judge":"1f6c02ab index","order":"best","score":null,"parts":{},"map":null,"correction":null,"midi":"b.mid","audio":"b.wav","blind":false,"unseen":true,"seconds":0.5,"antiphon":"0.1.0"}
END

# The trainings of make.sh, killed after a checkpoint.
python3 "$parts" data learned/data
cp -R "$old/models" models
python3 "$parts" interrupt training/hash/hash.safetensors.checkpoint "$antiphon" train hash --data learned/data \
    --architecture models/hash.json --steps 300 --batch 4 --crop 128 --seed 5 --quiet -o training/hash/hash.safetensors
python3 "$parts" interrupt training/embedding/embedding.safetensors.checkpoint "$antiphon" train embed --data learned/data \
    --architecture models/embedding.json --steps 150 --batch 4 --tempo 1.25 --seed 6 --quiet \
    -o training/embedding/embedding.safetensors

cd - >/dev/null
rm -rf "$work/learned" "$work/models" "$work/songs"
cp -R "$work" "$out"
du -sk "$out"
