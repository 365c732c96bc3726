//! Listening: the MIDI warped to the recording's time beside the untouched recording.
