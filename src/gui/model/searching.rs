//! The index being searched, the hits found in it, and the hit being played.

use super::super::loading::file_name;
use super::super::settings::Tab;
use super::{Model, Overlay, Retry};
use crate::error::Error;
use crate::files::{is_midi_name, search_key};
use crate::index::{Index, Kinds};
use crate::search::{Found, Hit};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many hits after the selected one are read and aligned ahead.
const AHEAD: usize = 3;
/// The most hits that can be requested.
pub(crate) const MOST_HITS: usize = 100_000;

/// Search settings of the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchForm {
    /// Hits wanted.
    pub top: usize,
    /// Whether to compare the codes of all entries.
    pub exhaustive: bool,
    /// Whether to try all twelve keys in any case.
    pub all_keys: bool,
    /// The order of the hits.
    pub order: HitOrder,
    /// Whether that order is reversed.
    pub reversed: bool,
    /// Show only hits with this text in their title, artist or path.
    #[serde(skip)]
    pub filter: String,
}

impl Default for SearchForm {
    fn default() -> Self {
        Self {
            top: 100,
            exhaustive: false,
            all_keys: false,
            order: HitOrder::default(),
            reversed: false,
            filter: String::new(),
        }
    }
}

/// What is to be added to which index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexForm {
    /// The folders of music.
    pub folders: Vec<PathBuf>,
    /// The folder of the index; it is created if there is none.
    pub index: PathBuf,
    /// Which files of the folders are taken.
    pub kinds: Kinds,
}

/// The sort order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HitOrder {
    /// The order of the search: the most confident first.
    #[default]
    Rank,
    /// Distance of the codes.
    Hash,
    /// Distance of the embeddings.
    Embedding,
    /// Artist and title, or else the file's name.
    Name,
    /// Duration.
    Length,
}

/// The result of a search.
#[derive(Debug)]
pub struct Searched {
    /// The file that was searched for.
    pub query: PathBuf,
    /// Hits and stages.
    pub found: Found,
}

/// The state of the search.
#[derive(Default)]
pub(super) struct Searching {
    index: Option<Arc<Index>>,
    /// The index could not be read.
    refused: bool,
    /// What the sheet asks about, and whether that index exists.
    form: Option<(IndexForm, bool)>,
    found: Option<Arc<Searched>>,
    /// Indices of the hits, sorted and filtered by the form.
    rows: Vec<usize>,
    /// The selected row.
    row: Option<usize>,
}

impl Model {
    /// The index, once it is open.
    pub fn index(&self) -> Option<&Arc<Index>> {
        self.searching.index.as_ref()
    }

    /// The result of the last search.
    pub fn found(&self) -> Option<&Arc<Searched>> {
        self.searching.found.as_ref()
    }

    /// The number of visible rows.
    pub fn hit_count(&self) -> usize {
        self.searching.rows.len()
    }

    /// The hit in a row.
    pub fn hit(&self, row: usize) -> Option<&Hit> {
        self.searching.found.as_ref()?.found.hits.get(*self.searching.rows.get(row)?)
    }

    /// The selected row.
    pub fn hit_row(&self) -> Option<usize> {
        self.searching.row
    }

    /// Whether a search is running.
    pub fn searches(&self) -> bool {
        self.loads.searches()
    }

    /// Whether a search can be started or stopped.
    pub fn searchable(&self) -> bool {
        self.searches() || (self.searching.index.is_some() && (self.midi_path.is_some() || self.candidate().is_some()))
    }

    /// Opens the index in the settings, once it is needed.
    pub(super) fn start_index(&mut self) {
        let wanted = self.settings.tab == Tab::Search && self.searching.index.is_none() && !self.searching.refused;
        if let Some(path) = self.settings.index.clone().filter(|_| wanted && !self.loads.index_runs()) {
            self.loads.open_index(path);
        }
    }

    pub(super) fn use_index(&mut self, path: PathBuf) {
        self.settings.index = Some(path.clone());
        self.searching = Searching::default();
        self.loads.stop_search();
        self.loads.open_index(path);
    }

    pub(super) fn take_index(&mut self, index: Arc<Index>) {
        self.say(format!("{}: {} entries", file_name(index.folder()), index.counts().entries));
        self.searching.index = Some(index);
    }

    pub(super) fn refuse_index(&mut self, error: &Error) {
        self.searching.refused = true;
        self.report(error, self.settings.index.clone().map_or(Retry::No, Retry::Index));
    }

    /// Whether an index is being opened or added to.
    pub fn indexes(&self) -> bool {
        self.loads.index_runs()
    }

    /// Proposes to add the recordings in folders to the open index, or to one beside the first folder.
    pub(super) fn new_index_form(&self, folders: Vec<PathBuf>) -> Option<IndexForm> {
        let first = folders.first()?;
        let beside = || first.with_file_name(format!("{}.index", file_name(first)));
        let index = self.settings.index.clone().unwrap_or_else(beside);
        Some(IndexForm { folders, index, kinds: Kinds::Recordings })
    }

    /// What the sheet asks about.
    pub fn index_form(&self) -> Option<&IndexForm> {
        self.searching.form.as_ref().map(|(form, _)| form)
    }

    /// Whether the index that the sheet asks about exists.
    pub fn index_exists(&self) -> bool {
        self.searching.form.as_ref().is_some_and(|(_, exists)| *exists)
    }

    pub(super) fn ask_about_index(&mut self, form: IndexForm) {
        let exists = form.index.join("index.json").exists();
        self.searching.form = Some((form, exists));
        self.overlay = Some(Overlay::Index);
    }

    pub(super) fn add_to_index(&mut self, form: IndexForm) {
        self.overlay = None;
        if self.settings.index.as_ref() != Some(&form.index) {
            self.searching = Searching::default();
        }
        self.searching.refused = false;
        self.settings.index = Some(form.index.clone());
        self.settings.tab = Tab::Search;
        self.loads.add_to_index(form, self.settings.soundfont.clone());
    }

    /// Names what could not be added, and opens the updated index.
    pub(super) fn take_added(&mut self, added: &crate::index::Added) {
        self.say(format!("{} added to the index, {} were there", added.added, added.kept));
        if let Some((path, error)) = added.skipped.first() {
            let count = added.skipped.len();
            self.report_text(format!("left out, can't be indexed ({count}): {error}: {path:?}"), Retry::No);
        }
        if let Some(path) = self.settings.index.clone() {
            self.loads.open_index(path);
        }
    }

    /// Starts a search for the MIDI file, or else for the recording; stops a running search.
    pub(super) fn toggle_search(&mut self) {
        if self.searches() {
            self.loads.stop_search();
            return self.say("The search was stopped".into());
        }
        let query = self.midi_path.clone().or_else(|| self.candidate().map(|candidate| candidate.path.clone()));
        if let Some(query) = query {
            self.search_for(query);
        }
    }

    pub(super) fn search_by_recording(&mut self) {
        if let Some(query) = self.candidate().map(|candidate| candidate.path.clone()) {
            self.search_for(query);
        }
    }

    pub(super) fn search_for(&mut self, query: PathBuf) {
        self.settings.tab = Tab::Search;
        let Some(index) = self.searching.index.clone() else {
            return self.say("There is no index yet".into());
        };
        let midi = self.midi().filter(|midi| midi.side.path == query).cloned();
        self.loads.search(index, query, midi, self.settings.soundfont.clone(), &self.settings.search);
    }

    pub(super) fn take_found(&mut self, found: Searched) {
        let best = found.found.hits.first().and_then(|hit| hit.confidence);
        let best = best.map_or(String::new(), |confidence| format!(", the best with confidence {confidence:.2}"));
        self.say(format!("{} hits for {}{best}", found.found.hits.len(), file_name(&found.query)));
        self.searching.found = Some(Arc::new(found));
        self.searching.row = None;
        self.lay_out_hits();
    }

    pub(super) fn search_how(&mut self, form: SearchForm) {
        let old = std::mem::replace(&mut self.settings.search, form);
        let new = &self.settings.search;
        if (old.order, old.reversed, &old.filter) != (new.order, new.reversed, &new.filter) {
            let looked_at = self.searching.row.and_then(|row| self.searching.rows.get(row).copied());
            self.lay_out_hits();
            self.searching.row = looked_at.and_then(|at| self.searching.rows.iter().position(|&place| place == at));
        }
    }

    /// Sorts and filters the hits.
    fn lay_out_hits(&mut self) {
        let Some(searched) = &self.searching.found else { return };
        let (hits, form) = (&searched.found.hits, &self.settings.search);
        let wanted = search_key(&form.filter);
        let holds = |hit: &Hit| {
            let about = &hit.entry.about;
            let path = search_key(&hit.entry.path.to_string_lossy());
            let words = [about.artist.as_deref(), about.title.as_deref()].into_iter().flatten();
            wanted.is_empty() || path.contains(&wanted) || words.into_iter().any(|w| search_key(w).contains(&wanted))
        };
        let mut rows: Vec<usize> = (0..hits.len()).filter(|&at| holds(&hits[at])).collect();
        match form.order {
            HitOrder::Rank => {}
            HitOrder::Hash => rows.sort_by(|&a, &b| hits[a].hash_distance.total_cmp(&hits[b].hash_distance)),
            HitOrder::Embedding => {
                let distance = |at: usize| hits[at].embedding_distance.unwrap_or(f32::INFINITY);
                rows.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
            }
            HitOrder::Name => rows.sort_by_cached_key(|&at| hit_name(&hits[at]).to_lowercase()),
            HitOrder::Length => rows.sort_by(|&a, &b| hits[a].entry.seconds.total_cmp(&hits[b].entry.seconds)),
        }
        if form.reversed {
            rows.reverse();
        }
        self.searching.rows = rows;
    }

    /// Plays the hit in a row along with the query, and has the next ones read and aligned ahead.
    pub(super) fn look_at_hit(&mut self, row: usize, now: f64) {
        let (Some(searched), Some(hit)) = (self.searching.found.clone(), self.hit(row).cloned()) else { return };
        self.searching.row = Some(row);
        let query = searched.query.clone();
        let next = (row + 1..=row + AHEAD).filter_map(|row| self.hit(row)).map(|hit| hit.entry.path.clone());
        let next: Vec<PathBuf> = next.collect();
        match (is_midi_name(&query), is_midi_name(&hit.entry.path)) {
            (true, false) => {
                self.listen_to(&query, &hit.entry.path, next.iter().filter(|path| !is_midi_name(path)), now);
            }
            (false, true) => self.listen_to(&hit.entry.path, &query, std::iter::empty(), now),
            _ => self.say("Only a MIDI file and a recording can be heard together".into()),
        }
    }

    fn listen_to<'a>(&mut self, midi: &Path, recording: &Path, ahead: impl Iterator<Item = &'a PathBuf>, now: f64) {
        if self.midi_path.as_deref() != Some(midi) {
            self.load_midi(midi.to_path_buf());
        }
        let id = self.add(recording.to_path_buf());
        let before = self.selected;
        if let Some(index) = self.candidates().iter().position(|candidate| candidate.id == id) {
            self.select(index, now);
        }
        for path in ahead {
            self.add(path.clone());
        }
        self.start_what_is_missing();
        if self.selected == before && self.loaded.is_some() {
            self.play(true, now);
        } else {
            // Play as soon as it is ready.
            self.resume = true;
        }
    }

    pub(super) fn open_hit(&mut self, now: f64) {
        if let Some(row) = self.searching.row.or((self.hit_count() > 0).then_some(0)) {
            if self.searching.row.is_none() {
                self.look_at_hit(row, now);
            }
            self.settings.tab = Tab::Audit;
        }
    }
}

/// Artist and title, or else the name of the file.
pub(crate) fn hit_name(hit: &Hit) -> String {
    let about = &hit.entry.about;
    match (&about.artist, &about.title) {
        (Some(artist), Some(title)) => format!("{artist}: {title}"),
        (None, Some(title)) => title.clone(),
        _ => file_name(&hit.entry.path),
    }
}
