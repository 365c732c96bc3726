//! Decisions in JAMS, the JSON Annotated Music Specification (Humphrey et al., ISMIR 2014; schema of the `jams` package
//! 0.3): one document per pair, with the decision as a tag and everything else in its sandbox.

use super::{Correction, Record};
use serde_json::{Value, json};

/// The tool name by which our annotations are recognised among others.
const TOOL: &str = "antiphon";

/// The document of a decision about a recording that lasts `seconds`, if that is known.
pub(super) fn document(record: &Record, seconds: Option<f64>) -> Value {
    let name = |path: &Option<String>| {
        let path = path.as_deref().unwrap_or_default();
        path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    };
    let tag = record.decision().map_or("noted", super::Decision::name);
    // Where the decision holds: the part that was set, or everything.
    let whole = [0.0, seconds.unwrap_or(0.0)];
    let [start, end] = record.correction.as_ref().and_then(|c: &Correction| c.span).unwrap_or(whole);
    let (time, duration) = (start.max(0.0), (end - start).max(0.0));
    json!({
        "file_metadata": {
            "title": name(&record.audio),
            "artist": "",
            "release": "",
            "duration": seconds.unwrap_or(time + duration),
            "identifiers": { "antiphon_item": record.item, "audio": record.audio, "midi": record.midi },
            "jams_version": "0.3.4",
        },
        "annotations": [{
            "namespace": "tag_open",
            "annotation_metadata": {
                "curator": { "name": record.curator, "email": "" },
                "annotator": {},
                "version": record.antiphon,
                "corpus": "",
                "annotation_tools": TOOL,
                "annotation_rules": "is this MIDI file a transcription of this recording?",
                "validation": "",
                "data_source": "audited by a person",
            },
            "data": [{ "time": time, "duration": duration, "value": tag, "confidence": record.confidence }],
            "sandbox": { "record": record },
            "time": time,
            "duration": duration,
        }],
        "sandbox": { "format": "curation/1" },
    })
}

/// The decisions of a document: annotations of other tools are left out.
pub(super) fn records(document: &Value) -> Result<Vec<Record>, String> {
    let annotations = document["annotations"].as_array().ok_or("no annotations")?;
    let ours = annotations.iter().filter(|a| a["annotation_metadata"]["annotation_tools"] == TOOL);
    ours.map(|annotation| {
        serde_json::from_value(annotation["sandbox"]["record"].clone()).map_err(|error| error.to_string())
    })
    .collect()
}
