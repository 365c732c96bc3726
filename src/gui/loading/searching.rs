//! The search jobs: opening an index, adding to it, searching it.

use super::super::model::{IndexForm, LoadedMidi, SearchForm, Searched};
use super::{Arrival, Slot, Tasks, file_name};
use crate::error::Error;
use crate::hashing::HashModel;
use crate::index::{self, Embedder, Index, Sources};
use crate::search::{Keys, Query, SearchOptions, search};
use crate::synth::SoundFont;
use std::path::PathBuf;
use std::sync::Arc;

impl Tasks {
    pub(in super::super) fn open_index(&mut self, folder: PathBuf) {
        let name = format!("Opening {}", file_name(&folder));
        self.start(Slot::Index, 0, Arrival::Index, name, move |_| Ok(Arc::new(Index::open(&folder)?)));
    }

    pub(in super::super) fn index_runs(&self) -> bool {
        self.runs(Slot::Index) || self.runs(Slot::Added)
    }

    /// Asks for the folder of an existing index.
    pub(in super::super) fn choose_index(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Choose an index").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseIndex, Arrival::ChosenIndex, dialog);
    }

    /// Asks where to create an index.
    pub(in super::super) fn choose_index_to(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Make the index here").set_file_name("music.index");
        let dialog = dialog.save_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseIndexTo, Arrival::IndexTo, dialog);
    }

    /// Asks for a folder of music to add to an index.
    pub(in super::super) fn choose_to_index(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Choose a folder of recordings").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseToIndex, Arrival::ToIndex, dialog);
    }

    /// Adds files to an index; if there is none, creates one with the bundled models.
    pub(in super::super) fn add_to_index(&mut self, form: IndexForm, font: Option<PathBuf>) {
        let IndexForm { folders, index: folder, kinds } = form;
        let name = format!("Adding to {}", file_name(&folder));
        self.start(Slot::Added, 0, Arrival::Added, name, move |progress| {
            let font = font.as_deref().map_or_else(SoundFont::bundled, SoundFont::open)?;
            if !folder.join("index.json").exists() {
                index::begin(&folder, &HashModel::bundled()?, &Embedder::standard()?, &font)?;
            }
            index::add(&folder, &Sources { paths: folders, kinds, ..Sources::default() }, &font, progress)
        });
    }

    pub(in super::super) fn searches(&self) -> bool {
        self.runs(Slot::Found)
    }

    pub(in super::super) fn stop_search(&mut self) {
        self.stop(&[Slot::Found]);
    }

    /// Searches. A MIDI file that is already open is not synthesised again.
    pub(in super::super) fn search(
        &mut self,
        index: Arc<Index>,
        query: PathBuf,
        midi: Option<Arc<LoadedMidi>>,
        font: Option<PathBuf>,
        form: &SearchForm,
    ) {
        let options = SearchOptions {
            top: form.top,
            exhaustive: form.exhaustive,
            keys: if form.all_keys { Keys::All } else { Keys::default() },
            ..SearchOptions::default()
        };
        self.start(Slot::Found, 0, Arrival::Found, format!("Searching for {}", file_name(&query)), move |progress| {
            let asked = if let Some(midi) = midi.filter(|midi| midi.side.analysed()) {
                Query::of_midi(&midi.side)?
            } else {
                let font = font.as_deref().map_or_else(SoundFont::bundled, SoundFont::open)?;
                Query::open(&query, &font, &progress.part(0.0, 0.3))?
            };
            let found = search(&index, &asked, &options, &progress.part(0.3, 1.0))?;
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            Ok(Searched { query, found })
        });
    }
}
