//! [`Command`]: everything a user can ask of the window, and the table of the named commands.
//!
//! The menus, palette, tooltips, keys and shortcut sheet all read [`TABLE`]. Only commands change the [`Model`].

use super::loading::ExportOrder;
use super::model::{IndexForm, Model, Overlay, Recover, SearchForm, ToyForm, TrainingForm, Unit};
use super::settings::{Panels, Tab, Theme};
use crate::curation::{Arrangement, Reason};
use crate::dataset::Split;
use crate::evaluate::PairSource;
use crate::files::Kind;
use crate::picture::{ColorMap, Tone};
use crate::playback::Warp;
use crate::playback::mixer::{Click, Listen};
use egui::{Key, Modifiers};
use std::path::PathBuf;
use std::sync::LazyLock;

/// A request. The first group is listed in the [`TABLE`]; the second comes from pointers and dialogs and carries data.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the table names and explains each")]
pub enum Command {
    ChooseFiles,
    SaveSession,
    SaveSessionAs,
    Export,
    ChooseHashModel,
    ExportFilters,
    ChooseEmbeddingModel,
    CompareFolder,
    CompareDataSet,
    CompareLoaded,
    ChooseIndex,
    AddToIndex,
    Search,
    SearchByRecording,
    OpenHit,
    ChooseSoundFont,
    BundledSoundFont,
    Quit,
    Undo,
    Redo,
    RemoveCandidate,
    CancelAll,
    SingleKeys,
    PlayPause,
    Back,
    Forward,
    BackSecond,
    ForwardSecond,
    BackFrame,
    ForwardFrame,
    Start,
    End,
    HearMidi,
    HearRecording,
    HearBoth,
    Flip,
    Split,
    MuteMidi,
    MuteRecording,
    Click,
    Loop,
    LoopIn,
    LoopOut,
    LoopUnreliable,
    Slower,
    Faster,
    NormalSpeed,
    Varispeed,
    WarpSide,
    Earlier,
    Later,
    LittleEarlier,
    LittleLater,
    MuchEarlier,
    MuchLater,
    NoOffset,
    ZoomIn,
    ZoomOut,
    ZoomPitchIn,
    ZoomPitchOut,
    Fit,
    ZoomToLoop,
    Follow,
    ReducedMotion,
    Beats,
    Onsets,
    Curves,
    Accumulated,
    HashBits,
    HammingMatrix,
    Activations,
    SharedScale,
    Attention,
    AuditTab,
    FiltersTab,
    TrainTab,
    EmbeddingTab,
    ToyTab,
    SearchTab,
    Train,
    Toy,
    CandidateList,
    Inspector,
    NextCandidate,
    PreviousCandidate,
    LargerText,
    SmallerText,
    NormalText,
    ThemeSystem,
    ThemeDark,
    ThemeLight,
    ColorMap(ColorMap),
    Invert,
    Brighter,
    Darker,
    PlainContrast,
    Palette,
    ShortcutSheet,
    About,
    ChooseQueue,
    CloseQueue,
    ChooseJournal,
    ExportDecisions,
    Confirm,
    Reject,
    RejectWith,
    Unsure,
    Skip,
    Flag,
    Note,
    Blind,
    Anchor,
    ForgetAnchors,
    Span,

    /// A request about the queue or a correction, with data.
    Curate(Curate),
    /// Take in these files: MIDI files replace the MIDI, recordings become candidates, everything else opens as what it
    /// is.
    Open(Vec<PathBuf>),
    /// The same, for files whose kinds are known.
    Take(Vec<(Kind, PathBuf)>),
    /// Play the MIDI with this soundfont, `None` for the bundled one.
    UseSoundFont(Option<PathBuf>),
    /// Hash with this model, `None` for the bundled one.
    UseHashModel(Option<PathBuf>),
    /// Embed with this model, `None` for the bundled one.
    UseEmbeddingModel(Option<PathBuf>),
    /// Embed all of these pairs and compare every MIDI file with every recording.
    Compare(PairSource),
    /// Choose which works of a data set are compared.
    CompareSplit(Split),
    /// Open this MIDI file and, if given, this recording.
    OpenPair(PathBuf, Option<PathBuf>),
    /// Search this index.
    UseIndex(PathBuf),
    /// Add folders to an index; it is created if there is none.
    Index(IndexForm),
    /// Ask for another place for the index that the sheet names.
    ChooseIndexTo,
    /// Set how an index is searched, and how hits are listed.
    SearchHow(SearchForm),
    /// Listen to the hit in this row.
    LookAtHit(usize),
    /// Set the toy problem to learn next.
    ToyProblem(ToyForm),
    /// Show the output of this layer (index in the model's list).
    LookAtLayer(usize),
    /// Show this filter or unit of the layer.
    LookAtUnit(Option<Unit>),
    /// Ask for a data set to evaluate the codes on.
    ChooseDataToMeasure,
    /// Measure how well the codes separate matching from other pairs on this data set's validation works.
    MeasureOn(PathBuf),
    /// Write the filters into this folder.
    ExportFiltersTo(PathBuf),
    /// Set what to train.
    Training(TrainingForm),
    /// Ask for a data set to learn from.
    ChooseTrainingData,
    /// Ask where to write the trained model.
    ChooseTrainingOutput,
    /// Select this candidate (index in the list).
    Select(usize),
    /// Remove this candidate from the list.
    Remove(usize),
    /// Go to this second of the recording.
    Seek(f64),
    /// Set the balance: −1 for the MIDI only, +1 for the recording only.
    Balance(f32),
    /// Set the speed: seconds of the clock per second.
    Speed(f64),
    /// Loop these seconds of the recording, or turn the loop off.
    SetLoop(Option<(f64, f64)>),
    /// Zoom in on the time axis by `factor`, keeping this second in place.
    Zoom {
        factor: f64,
        around: f64,
    },
    /// Scroll the view by this many seconds.
    Pan(f64),
    /// Zoom in on the pitch axis by `factor`, keeping this bin in place.
    ZoomPitch {
        factor: f64,
        around: f64,
    },
    /// Scroll the view by this many bins.
    PanPitch(f64),
    /// Set what is to be added to which index, while the sheet asks.
    IndexForm(IndexForm),
    /// Set how values map to colours.
    Contrast(Tone),
    /// Set the widths of the panels.
    Resize(Panels),
    /// Bind a command of the table (its `id`) to this key; `None` restores the default.
    Bind(&'static str, Option<Shortcut>),
    /// Export into this folder; ask for one if none is given.
    ExportTo(ExportOrder, Option<PathBuf>),
    /// Save the session to this file.
    SaveTo(PathBuf),
    /// Decide what to do with the work a crash left behind.
    Recover(Recover),
    /// Report that a picture could not be made, or the settings not saved.
    Failed(Failure, String),
    /// Close whatever is open over the window.
    Close,
    /// Report where the pointer is: over this place, or over nothing.
    Hover(Option<Hover>),
    /// Stop the work with this number.
    Cancel(u64),
    /// Retry what went wrong (number of the problem).
    Retry(u64),
    /// Forget the problem with this number.
    Dismiss(u64),
}

/// Requests about the queue and about corrections.
#[derive(Debug, Clone, PartialEq)]
pub enum Curate {
    /// Judge the pairs of this list, table or tree; decisions go to the given journal, or to one beside it.
    Open(PathBuf, Option<PathBuf>),
    /// Continue in this new journal, which takes over all decisions so far.
    JournalTo(PathBuf),
    /// Retry writing the decisions, then carry out the command that waits for them.
    TryJournal,
    /// Give up the unwritten decisions and carry out the command that waits for them.
    Abandon,
    /// Write the decisions into this folder.
    ExportTo(PathBuf),
    /// Reject for this reason.
    Reject(Reason),
    /// Stop asking for a reason.
    NoReason,
    /// Set the note about the item.
    Write(String),
    /// Show the items in this arrangement.
    Arrange(Arrangement),
    /// Go to the item at this place.
    GoTo(usize),
    /// Accept pairs with a confidence above this.
    Threshold(f32),
    /// Anchor this second of the MIDI to this second of the recording.
    AddAnchor(f64, f64),
    /// Move the anchor with this number to these seconds of the MIDI and the recording.
    MoveAnchor(usize, f64, f64),
    /// Delete this anchor.
    RemoveAnchor(usize),
}

/// What failed while drawing a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Draw a picture.
    Picture,
    /// Save the settings.
    Settings,
}

/// What the pointer is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hover {
    /// Second of the recording.
    pub audio_s: f64,
    /// Second of the MIDI, in panels with an axis for it: the matrix.
    pub midi_s: Option<f64>,
    /// MIDI note, in panels with an axis for it: the strips.
    pub note: Option<u8>,
}

/// The menu, and the section of the sheet, that a command belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Files and the program itself.
    File,
    /// Undo and redo, the list, keys.
    Edit,
    /// Playback, the loop, the speed.
    Play,
    /// What is heard, and how.
    Listen,
    /// What is shown.
    View,
    /// The hash and embedding networks: their output, the models, their training.
    Networks,
    /// Colour maps.
    Colours,
    /// Deciding about the pairs of a queue, and correcting.
    Curate,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 9] = [
        Self::File,
        Self::Edit,
        Self::Play,
        Self::Listen,
        Self::View,
        Self::Networks,
        Self::Colours,
        Self::Curate,
        Self::Help,
    ];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::Play => "Transport",
            Self::Listen => "Listen",
            Self::View => "View",
            Self::Networks => "Networks",
            Self::Colours => "Colours",
            Self::Curate => "Curate",
            Self::Help => "Help",
        }
    }
}

/// A key with its modifiers.
pub type Shortcut = (Modifiers, Key);

/// A named command.
#[derive(Debug)]
pub struct Entry {
    /// Its name in the settings: stays the same when `name` changes.
    pub id: &'static str,
    /// What it does.
    pub command: Command,
    /// Its menu.
    pub menu: Menu,
    /// Its text in the menu.
    pub name: &'static str,
    /// One more sentence of explanation.
    pub tooltip: &'static str,
    /// Default keys, unless the settings override them; menus show the first.
    pub shortcuts: &'static [Shortcut],
    /// Whether the command is available now.
    pub enabled: fn(&Model) -> bool,
}

const NONE: Modifiers = Modifiers::NONE;
const ALT: Modifiers = Modifiers::ALT;
const SHIFT: Modifiers = Modifiers::SHIFT;
const COMMAND: Modifiers = Modifiers::COMMAND;
const COMMAND_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };

const fn always(_: &Model) -> bool {
    true
}

macro_rules! entries {
    ($($command:ident $menu:ident $name:literal, $tooltip:literal, [$($shortcut:expr),*], $enabled:expr;)*) => {
        vec![$(Entry {
            id: stringify!($command),
            command: Command::$command,
            menu: Menu::$menu,
            name: $name,
            tooltip: $tooltip,
            shortcuts: &[$($shortcut),*],
            enabled: $enabled,
        }),*]
    };
}

/// Every named command, in the order of the menus.
pub static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let map = |map: ColorMap| Entry {
        id: map.name(),
        command: Command::ColorMap(map),
        menu: Menu::Colours,
        name: map.name(),
        tooltip: map.about(),
        shortcuts: &[],
        enabled: always,
    };
    // The maps come first in their menu.
    let (before, rest): (Vec<_>, Vec<_>) = written().into_iter().partition(|entry| entry.menu != Menu::Colours);
    let at = before.iter().position(|entry| entry.menu == Menu::Curate).unwrap_or(before.len());
    let mut table = before;
    table.splice(at..at, ColorMap::ALL.map(map).into_iter().chain(rest));
    table
});

/// The commands that are written out: all but the colour maps, which [`ColorMap::ALL`] lists.
#[rustfmt::skip]
fn written() -> Vec<Entry> { entries! {
    ChooseFiles File "Open…", "Choose a MIDI file, recordings, or a session", [(COMMAND, Key::O)], |m| !m.choosing();
    SaveSession File "Save session", "Save which files are open, and where", [(COMMAND, Key::S)], |m| !m.choosing();
    SaveSessionAs File "Save session as…", "Save which files are open, and where, under another name", [(COMMAND_SHIFT, Key::S)], |m| !m.choosing();
    Export File "Export…", "Pictures, table, aligned MIDI and sound of this pair", [(COMMAND, Key::E)], Model::exportable;
    ChooseHashModel Networks "Hash model…", "Choose the networks that hash both sides (safetensors)", [], |m| !m.choosing();
    ExportFilters Networks "Export filters…", "Write the first layer of both networks as pictures and arrays", [], |m| m.hash_model().is_some() && !m.choosing();
    ChooseIndex Networks "Open an index…", "Choose the index that is searched", [], |m| !m.choosing();
    AddToIndex Networks "Add to the index…", "Add a folder of recordings to the index, or make an index of it", [], |m| !m.choosing() && !m.indexes();
    Search Networks "Search the index", "Look for the MIDI file, or without one the recording, in the index; or stop", [(COMMAND, Key::F)], Model::searchable;
    SearchByRecording Networks "Search by the recording", "Look for the recording in the index", [(COMMAND_SHIFT, Key::F)], |m| m.index().is_some() && m.candidate().is_some();
    OpenHit Networks "Open the hit", "Look at the hit that is listened to, beside what was looked for", [(COMMAND, Key::Enter)], |m| m.hit_count() > 0;
    ChooseEmbeddingModel Networks "Embedding model…", "Choose the networks that embed both sides (safetensors)", [], |m| !m.choosing();
    CompareFolder Networks "Compare a folder of pairs…", "Embed recordings and the MIDI files of the same names, and show how far each is from each", [], |m| !m.choosing();
    CompareDataSet Networks "Compare a data set…", "Embed the works of a data set, and show how far each MIDI file is from each recording", [], |m| !m.choosing();
    CompareLoaded Networks "Compare what is loaded", "Show how far the MIDI file is from the recordings in the list", [], |m| m.compared().is_some_and(|c| !c.loaded);
    ChooseSoundFont File "Soundfont…", "Choose the SF2 file that the MIDI is played with", [], |m| !m.choosing();
    BundledSoundFont File "Bundled soundfont", "Play the MIDI with the soundfont that comes with the program", [], |m| m.settings().soundfont.is_some();
    Quit File "Quit", "Close the window", [(COMMAND, Key::Q)], always;
    Undo Edit "Undo", "Take back the last change of the files, the view, the mix or the colours", [(COMMAND, Key::Z)], Model::can_undo;
    Redo Edit "Redo", "Do again what was taken back", [(COMMAND_SHIFT, Key::Z), (COMMAND, Key::Y)], Model::can_redo;
    RemoveCandidate Edit "Remove from the list", "Take the selected recording out of the list", [(COMMAND, Key::Delete)], |m| m.candidate().is_some();
    CancelAll Edit "Cancel all", "Stop all jobs, and leave the recordings alone that still wait to be read or aligned", [(SHIFT, Key::Escape)], |m| !m.running().is_empty();
    Train Networks "Start or stop training", "Train hash networks as the Train tab says, or stop; it goes on from there the next time", [(COMMAND_SHIFT, Key::T)], Model::trainable;
    Toy Networks "Start or stop the toy problem", "Learn the problem of the Toy tab from the start, or stop", [(COMMAND_SHIFT, Key::Y)], always;
    SingleKeys Edit "Single-letter keys", "Letters, figures and signs are keys of commands while nobody types", [], always;
    PlayPause Play "Play or pause", "Play from the playhead, or stop there", [(NONE, Key::Space)], Model::playable;
    Back Play "Back 0.1 s", "Move the playhead back by a tenth of a second", [(NONE, Key::ArrowLeft)], Model::playable;
    Forward Play "Forward 0.1 s", "Move the playhead on by a tenth of a second", [(NONE, Key::ArrowRight)], Model::playable;
    BackSecond Play "Back 1 s", "Move the playhead back by a second", [(SHIFT, Key::ArrowLeft)], Model::playable;
    ForwardSecond Play "Forward 1 s", "Move the playhead on by a second", [(SHIFT, Key::ArrowRight)], Model::playable;
    BackFrame Play "Back one frame", "Move the playhead back by a frame of the features (46 ms)", [(COMMAND, Key::ArrowLeft)], Model::playable;
    ForwardFrame Play "Forward one frame", "Move the playhead on by a frame of the features (46 ms)", [(COMMAND, Key::ArrowRight)], Model::playable;
    Start Play "To the start", "Move the playhead to the start", [(NONE, Key::Home)], Model::playable;
    End Play "To the end", "Move the playhead to the end", [(NONE, Key::End)], Model::playable;
    Loop Play "Loop", "Play the loop over and over, or go on from where it is", [(NONE, Key::L)], Model::playable;
    LoopIn Play "Loop in", "Begin the loop at the playhead", [(NONE, Key::I)], Model::playable;
    LoopOut Play "Loop out", "End the loop at the playhead", [(NONE, Key::O)], Model::playable;
    LoopUnreliable Play "Loop the unreliable stretch", "Loop the nearest stretch in sight that is not to be trusted", [(SHIFT, Key::L)], |m| m.aligned().is_some();
    Slower Play "Slower", "Play slower by a twentieth", [(NONE, Key::Minus)], always;
    Faster Play "Faster", "Play faster by a twentieth", [(NONE, Key::Equals)], always;
    NormalSpeed Play "Normal speed", "Play as fast as it is", [(NONE, Key::Backslash)], always;
    Varispeed Play "Pitch follows speed", "Slow is low and fast is high, as on a tape, without what stretching adds", [], always;
    HearMidi Listen "MIDI alone", "Hear only the MIDI", [(NONE, Key::Num1)], always;
    HearRecording Listen "Recording alone", "Hear only the recording", [(NONE, Key::Num2)], always;
    HearBoth Listen "Both", "Hear MIDI and recording together", [(NONE, Key::Num3)], always;
    Flip Listen "Flip", "Change between MIDI and recording at the same musical moment", [(NONE, Key::B)], always;
    Split Listen "Left and right", "MIDI in the left ear and recording in the right, or both in the middle", [(NONE, Key::P)], always;
    MuteMidi Listen "Mute the MIDI", "Silence the MIDI, whatever else is chosen", [(NONE, Key::M)], always;
    MuteRecording Listen "Mute the recording", "Silence the recording, whatever else is chosen", [(SHIFT, Key::M)], always;
    Click Listen "Clicks", "Click at the MIDI's beats, at its note onsets, or not at all", [(SHIFT, Key::B)], always;
    WarpSide Listen "Stretch the recording", "Stretch the recording to the MIDI's time instead of moving the MIDI to the recording's", [(NONE, Key::W)], always;
    Earlier Listen "MIDI 10 ms earlier", "Let the MIDI sound earlier by 10 ms", [(NONE, Key::Comma)], always;
    Later Listen "MIDI 10 ms later", "Let the MIDI sound later by 10 ms", [(NONE, Key::Period)], always;
    LittleEarlier Listen "MIDI 1 ms earlier", "Let the MIDI sound earlier by 1 ms", [(SHIFT, Key::Comma)], always;
    LittleLater Listen "MIDI 1 ms later", "Let the MIDI sound later by 1 ms", [(SHIFT, Key::Period)], always;
    MuchEarlier Listen "MIDI 100 ms earlier", "Let the MIDI sound earlier by 100 ms", [(ALT, Key::Comma)], always;
    MuchLater Listen "MIDI 100 ms later", "Let the MIDI sound later by 100 ms", [(ALT, Key::Period)], always;
    NoOffset Listen "No offset", "Let the MIDI sound where the alignment has it", [(COMMAND, Key::Num0)], always;
    ZoomIn View "Zoom in", "Show less time, larger", [(NONE, Key::ArrowUp)], Model::playable;
    ZoomOut View "Zoom out", "Show more time, smaller", [(NONE, Key::ArrowDown)], Model::playable;
    ZoomPitchIn View "Zoom in on pitch", "Show fewer notes, larger", [(SHIFT, Key::ArrowUp)], Model::playable;
    ZoomPitchOut View "Zoom out of pitch", "Show more notes, smaller", [(SHIFT, Key::ArrowDown)], Model::playable;
    Fit View "Fit", "Show everything", [(NONE, Key::F)], Model::playable;
    ZoomToLoop View "Zoom to the loop", "Show the loop, and nothing else", [(NONE, Key::Z)], |m| m.region().is_some();
    Follow View "Follow the playhead", "Not at all, page by page, or centred", [(NONE, Key::G)], always;
    ReducedMotion View "Reduced motion", "Nothing slides: the view follows page by page, and menus open at once", [], always;
    Beats View "Beats", "Mark the MIDI's beats and bars where the recording has them", [(NONE, Key::V)], always;
    Onsets View "Note onsets", "Mark the MIDI's note onsets where the recording has them", [(NONE, Key::T)], always;
    Curves View "Cost and tempo", "Show local cost and tempo ratio below the strips", [(NONE, Key::C)], always;
    Accumulated View "Accumulated matrix", "Show the cost of the best path to each cell instead of the distance there", [(NONE, Key::Y)], always;
    HashBits Networks "Hash bits", "Show the bits of both sides below their strips, and how many differ", [(NONE, Key::H)], always;
    HammingMatrix Networks "Hamming matrix", "Show how many hash bits differ instead of the distance of the features", [(SHIFT, Key::Y)], always;
    Activations Networks "Activations", "Lay what comes out of the chosen filter over the strips", [(SHIFT, Key::H)], always;
    SharedScale Networks "One scale for all filters", "Colour all filters on one scale, or each on its own", [(SHIFT, Key::G)], always;
    Attention Networks "Attention", "Show below the strips what the embedding networks listen to", [(SHIFT, Key::A)], always;
    AuditTab View "Audit", "Show the pair: strips, matrix, verdict", [(COMMAND, Key::Num1)], always;
    FiltersTab View "Filters", "Look inside the hash networks", [(COMMAND, Key::Num2)], always;
    TrainTab View "Train", "Train hash networks, and watch it", [(COMMAND, Key::Num3)], always;
    EmbeddingTab View "Embedding", "Compare many pairs by one vector each", [(COMMAND, Key::Num4)], always;
    ToyTab View "Toy", "Watch attention find two numbers in a long sequence", [(COMMAND, Key::Num5)], always;
    SearchTab View "Search", "Look for what is open in an index of recordings", [(COMMAND, Key::Num6)], always;
    CandidateList View "Candidate list", "Show the list at the left", [(COMMAND, Key::L)], always;
    Inspector View "Inspector", "Show distance matrix and verdict at the right", [(COMMAND, Key::I)], always;
    NextCandidate View "Next candidate", "Look at the next recording in the list, or pair in the queue", [(NONE, Key::J), (NONE, Key::PageDown)], Model::several;
    PreviousCandidate View "Previous candidate", "Look at the recording or pair before", [(NONE, Key::K), (NONE, Key::PageUp)], Model::several;
    LargerText View "Larger", "Make everything in the window larger", [(COMMAND, Key::Plus), (COMMAND, Key::Equals)], always;
    SmallerText View "Smaller", "Make everything in the window smaller", [(COMMAND, Key::Minus)], always;
    NormalText View "Normal size", "Show everything in its normal size", [(COMMAND_SHIFT, Key::Num0)], always;
    ThemeSystem Colours "System theme", "Dark or light as the system is", [], always;
    ThemeDark Colours "Dark theme", "Light text on dark", [], always;
    ThemeLight Colours "Light theme", "Dark text on light", [], always;
    Invert Colours "Inverted", "Strong values dark, weak ones bright", [], always;
    Brighter Colours "Brighter pictures", "Lift what is faint", [(COMMAND, Key::Period)], always;
    Darker Colours "Darker pictures", "Suppress what is faint", [(COMMAND, Key::Comma)], always;
    PlainContrast Colours "Plain contrast", "Colours as they come", [], always;
    ChooseQueue Curate "Open a queue…", "Judge the pairs of a search, list, table or Lakh tree", [], |m| !m.choosing();
    CloseQueue Curate "Close the queue", "Stop judging; every decision is saved", [], |m| m.curating().is_some();
    ChooseJournal Curate "Another journal…", "Go on in another journal file, with all decisions so far", [], |m| m.curating().is_some() && !m.choosing();
    ExportDecisions Curate "Export decisions…", "Table, document, JAMS, and the list of confirmed pairs", [], |m| m.curating().is_some() && !m.choosing();
    Confirm Curate "Confirm", "The MIDI is this recording; on to the next pair", [(NONE, Key::A)], Model::curates;
    Reject Curate "Reject", "It is not; on to the next pair", [(NONE, Key::X)], Model::curates;
    RejectWith Curate "Reject with a reason", "Reject, with a figure that says why", [(NONE, Key::R)], Model::curates;
    Unsure Curate "Unsure", "It can't be told; on to the next pair", [(NONE, Key::U)], Model::curates;
    Skip Curate "Skip", "Leave it for later; on to the next pair", [(NONE, Key::S)], Model::curates;
    Flag Curate "Flag", "Mark this pair, to be reviewed again", [(SHIFT, Key::Num8)], Model::curates;
    Note Curate "Note", "Write a note about this pair", [(NONE, Key::N)], Model::curates;
    Blind Curate "Blind", "Hide scores, order and earlier decisions", [], always;
    Anchor Curate "Anchor here", "What is heard together at the playhead belongs together: align again around it", [(NONE, Key::Q)], |m| m.aligned().is_some();
    ForgetAnchors Curate "Forget the anchors", "Align this pair as if nobody had corrected it", [(SHIFT, Key::Q)], |m| m.correction().is_some_and(|c| !c.anchors.is_empty());
    Span Curate "Valid in the loop", "The alignment is meant in the loop only; once more, in all of the recording", [(SHIFT, Key::I)], |m| m.aligned().is_some() && m.region().is_some();
    Palette Help "Command palette", "Find a command by its name", [(COMMAND, Key::K)], always;
    ShortcutSheet Help "Shortcuts", "List every key, and change it", [(NONE, Key::F1), (SHIFT, Key::Questionmark)], always;
    About Help "About Antiphon", "Version, licence, and where settings and log lie", [], always;
} }

impl Command {
    /// The command's entry in the [`TABLE`], if it has one.
    pub fn entry(&self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.command == *self)
    }

    /// Whether the command's setting is already in force: the menu then marks its line.
    pub fn is_on(&self, model: &Model) -> bool {
        let settings = model.settings();
        match self {
            Self::ThemeSystem => settings.theme == Theme::System,
            Self::ThemeDark => settings.theme == Theme::Dark,
            Self::ThemeLight => settings.theme == Theme::Light,
            Self::HearMidi => settings.mix.listen == Listen::Midi,
            Self::HearRecording => settings.mix.listen == Listen::Recording,
            Self::HearBoth => settings.mix.listen == Listen::Both,
            Self::Split => settings.mix.split,
            Self::MuteMidi => settings.mix.midi_muted,
            Self::MuteRecording => settings.mix.recording_muted,
            Self::Click => settings.mix.click != Click::Off,
            Self::Loop => model.transport().region().is_some(),
            Self::Varispeed => settings.rendition.varispeed,
            Self::WarpSide => settings.rendition.warp == Warp::Recording,
            Self::SingleKeys => settings.single_keys,
            Self::ReducedMotion => settings.reduced_motion,
            Self::Beats => settings.beats,
            Self::Onsets => settings.onsets,
            Self::Curves => settings.curves,
            Self::Accumulated => settings.accumulated,
            Self::HashBits => settings.hash_bits,
            Self::HammingMatrix => settings.hamming_matrix,
            Self::Activations => settings.activations,
            Self::SharedScale => settings.shared_scale,
            Self::Attention => settings.attention,
            Self::Blind => settings.blind,
            Self::AuditTab => settings.tab == Tab::Audit,
            Self::FiltersTab => settings.tab == Tab::Filters,
            Self::TrainTab => settings.tab == Tab::Train,
            Self::EmbeddingTab => settings.tab == Tab::Embedding,
            Self::ToyTab => settings.tab == Tab::Toy,
            Self::SearchTab => settings.tab == Tab::Search,
            Self::Search => model.searches(),
            Self::Train => model.trains(),
            Self::Toy => model.toy_runs(),
            Self::CandidateList => settings.panels.list,
            Self::Inspector => settings.panels.inspector,
            Self::Invert => settings.tone.inverted,
            Self::BundledSoundFont => settings.soundfont.is_none(),
            Self::ShortcutSheet => model.overlay() == Some(Overlay::Shortcuts),
            Self::About => model.overlay() == Some(Overlay::About),
            Self::ColorMap(map) => settings.color_map == *map,
            _ => false,
        }
    }

    /// Whether the command repeats while its key is held down: steps do, but not toggles, and above all not decisions.
    pub(super) fn repeats(&self) -> bool {
        matches!(
            self,
            Self::Undo
                | Self::Redo
                | Self::Back
                | Self::Forward
                | Self::BackSecond
                | Self::ForwardSecond
                | Self::BackFrame
                | Self::ForwardFrame
                | Self::Slower
                | Self::Faster
                | Self::Earlier
                | Self::Later
                | Self::LittleEarlier
                | Self::LittleLater
                | Self::MuchEarlier
                | Self::MuchLater
                | Self::ZoomIn
                | Self::ZoomOut
                | Self::ZoomPitchIn
                | Self::ZoomPitchOut
                | Self::NextCandidate
                | Self::PreviousCandidate
                | Self::LargerText
                | Self::SmallerText
                | Self::Brighter
                | Self::Darker
        )
    }
}
