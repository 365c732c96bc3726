//! A picture of the window, taken by the window itself: `antiphon --screenshot OUT.png`. The README's is made this way.

use crate::error::{Error, Result};
use egui::{Context, ViewportCommand};
use image::RgbaImage;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

/// Frames drawn after everything is ready: layouts settle in the second.
const SETTLED_FRAMES: u32 = 4;

/// Waits until the window has nothing left to do, takes the picture, closes the window.
pub(super) struct Screenshot {
    path: PathBuf,
    settled: u32,
    taken: Option<Receiver<Result<()>>>,
}

impl Screenshot {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, settled: 0, taken: None }
    }

    /// Call it once a frame. Returns the outcome once the file is written, or writing has failed.
    pub(super) fn step(&mut self, ctx: &Context, ready: bool) -> Option<Result<()>> {
        ctx.request_repaint();
        if let Some(taken) = &self.taken {
            let outcome = taken.try_recv().ok()?;
            ctx.send_viewport_cmd(ViewportCommand::Close);
            return Some(outcome);
        }
        self.settled = if ready { self.settled + 1 } else { 0 };
        if self.settled > SETTLED_FRAMES {
            let (sender, receiver) = channel();
            self.taken = Some(receiver);
            let path = self.path.clone();
            ctx.request_screenshot(move |image| {
                let [width, height] = image.size;
                let bytes = image.pixels.iter().flat_map(egui::Color32::to_array).collect();
                drop(sender.send(save(width as u32, height as u32, bytes, &path)));
            });
        }
        None
    }
}

fn save(width: u32, height: u32, bytes: Vec<u8>, path: &Path) -> Result<()> {
    let image = RgbaImage::from_raw(width, height, bytes)
        .ok_or_else(|| Error::Window("the picture of the window has an odd size".into()))?;
    image.save(path).map_err(|error| Error::Io {
        action: "write",
        source: std::io::Error::other(error),
        path: path.to_path_buf(),
    })
}
