#!/bin/sh
# Makes the files of this folder from source.py; see HOW.md.
set -e
python3 source.py
tags="-metadata artist=Artist -metadata title=Title -metadata album=Album -metadata date=1999"
quiet="-hide_banner -loglevel error -bitexact -y"
lame --quiet -b 64 --resample 44.1 --tt Title --ta Artist --tl Album --ty 1999 source.wav cbr.mp3
lame --quiet -V 7 --resample 44.1 --tt Title --ta Artist --tl Album --ty 1999 source.wav vbr.mp3
ffmpeg $quiet -i source.wav -c:a libmp3lame -ar 44100 -q:a 7 -write_xing 0 -id3v2_version 0 bare.mp3
oggenc --quiet -q 0 -s 1 -a Artist -t Title -l Album -d 1999 -o vorbis.ogg source.wav
opusenc --quiet --bitrate 40 --serial 1 --artist Artist --title Title --album Album --date 1999 source.wav opus.opus
ffmpeg $quiet -i source.wav $tags -c:a aac -b:a 48k aac.m4a
ffmpeg $quiet -i source.wav $tags -c:a aac -b:a 48k -movflags +faststart faststart.m4a
ffmpeg $quiet -i source.wav $tags -c:a aac -b:a 48k aac.mka
ffmpeg $quiet -i source.wav -c:a aac -b:a 48k aac.aac
ffmpeg $quiet -i source.wav $tags -c:a libopus -b:a 40k opus.webm
ffmpeg $quiet -i source.wav $tags -c:a libopus -b:a 40k opus.mp4
ffmpeg $quiet -i source.wav $tags -ac 1 -ar 11025 -c:a alac alac.m4a
ffmpeg $quiet -i source.wav $tags -ac 1 -ar 8000 -c:a flac flac.flac
ffmpeg $quiet -i source.wav $tags -ac 1 -ar 8000 -c:a pcm_s8 -f aiff -write_id3v2 1 pcm.aiff
ffmpeg $quiet -f lavfi -i testsrc=size=16x16:rate=5:duration=2 -i source.wav -c:v mpeg4 -c:a aac -b:a 48k video.mp4
rm source.wav
