//! The two embeddings of the pair as bars, with their difference, and how to interpret their distance.

use super::model::{EmbeddedPair, Model};
use super::theme::{self, Palette};
use egui::{
    Align2, CollapsingHeader, Color32, Label, Mesh, Rect, RichText, Role, Sense, Shape, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};
use ndarray::{Array1, ArrayView1};

/// Space for the row labels.
const NAMES: f32 = 62.0;

/// Shows the section; nothing if the pair is not embedded.
pub(super) fn show(ui: &mut Ui, model: &Model, palette: &Palette) {
    let Some(embedded) = model.embedded() else { return };
    let title = format!("Embedding: {:.2} apart", embedded.distance);
    CollapsingHeader::new(title).id_salt("embedding").default_open(true).show(ui, |ui| {
        let text = place(model, embedded.distance);
        ui.add(Label::new(RichText::new(&text).font(theme::small()).color(palette.faint)).wrap());
        bars(ui, embedded, &text, palette);
    });
}

/// Where a distance lies among the known distances.
pub(super) fn place(model: &Model, distance: f32) -> String {
    let known = model.known_distances().and_then(|(of, distances)| Some((of, distances.nearer(distance)?)));
    match known {
        Some((of, (matching, different))) => {
            let (matching, different) = (100.0 * matching, 100.0 * different);
            format!(
                "Of {of}, {matching:.0} % of what belongs together is nearer, and {different:.1} % of what doesn't."
            )
        }
        None => "0 is the same. Compare a set of pairs in the Embedding tab to see what this is worth.".into(),
    }
}

fn bars(ui: &mut Ui, embedded: &EmbeddedPair, text: &str, palette: &Palette) {
    let difference: Array1<f32> = &embedded.midi.vector - &embedded.audio.vector;
    let rows: [(&str, ArrayView1<f32>, Color32); 3] = [
        ("MIDI", embedded.midi.vector.view(), palette.midi),
        ("recording", embedded.audio.vector.view(), palette.recording),
        ("difference", difference.view(), palette.warning),
    ];
    // One scale for all: a small difference looks small.
    let most = rows.iter().flat_map(|(_, values, _)| values.iter()).fold(1e-6f32, |most, v| most.max(v.abs()));
    let each = theme::EMBEDDING_HEIGHT;
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), 3.0 * (each + 4.0)), Sense::hover());
    for (index, (name, values, colour)) in rows.into_iter().enumerate() {
        let top = area.top() + index as f32 * (each + 4.0);
        let rect = Rect::from_min_max(pos2(area.left() + NAMES, top), pos2(area.right() - 1.0, top + each));
        ui.painter().rect_filled(rect, 0.0, palette.empty);
        let at = pos2(rect.left() - 6.0, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, name, theme::small(), palette.faint);
        let width = rect.width() / values.len().max(1) as f32;
        let mut mesh = Mesh::default();
        for (place, value) in values.iter().enumerate() {
            let x = rect.left() + place as f32 * width;
            let y = rect.center().y - value / most * rect.height() / 2.0;
            let bar = Rect::from_two_pos(pos2(x, rect.center().y), pos2(x + (width - 0.5).max(0.5), y));
            mesh.add_colored_rect(bar, colour);
        }
        ui.painter().add(Shape::mesh(mesh));
        ui.painter().hline(rect.x_range(), rect.center().y, theme::outline(palette));
        ui.painter().rect_stroke(rect, 0.0, theme::outline(palette), StrokeKind::Outside);
    }
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(format!("distance {:.3}. {text}", embedded.distance)),
        ..WidgetInfo::labeled(Role::Image, true, "Embeddings of both sides")
    });
}
