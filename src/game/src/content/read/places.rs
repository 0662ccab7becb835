//! `places/<map>.toml`.

use super::reader::Reader;
use crate::content::{Circle, Places, SpawnArea, Trigger, Vendor};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M, WORLD_UNITS_MAX};

/// The side of the largest world, in metres.
const SIDE_MAX: f64 = (WORLD_UNITS_MAX / UNITS_PER_M) as f64;
/// Most mobs of one area.
const COUNT_MAX: i64 = 1_000;

/// West-east and south-north, in subunits.
type Extent = (i32, i32);

pub(super) fn places(reader: &mut Reader<'_>, extent: Extent) -> Places {
    let circles = |reader: &mut Reader<'_>, key| reader.each(key, |reader| circle(reader, extent)).unwrap_or_default();
    Places {
        spawns: reader.each("spawns", |reader| spawn(reader, extent)).into_iter().flatten().flatten().collect(),
        safe_zones: circles(reader, "safe_zones"),
        graveyards: circles(reader, "graveyards"),
        vendors: reader.each("vendors", |reader| vendor(reader, extent)).unwrap_or_default(),
        triggers: reader.each("triggers", |reader| trigger(reader, extent)).unwrap_or_default(),
    }
}

fn spawn(reader: &mut Reader<'_>, extent: Extent) -> Option<SpawnArea> {
    reader.needs(&["mob", "count"]);
    let mob = reader.named("mob");
    let count = reader.whole("count", 1..=COUNT_MAX);
    let respawn_ticks = reader.seconds("respawn_s", 1.0..=86_400.0).unwrap_or(RESPAWN_TICKS);
    let area = circle(reader, extent);
    Some(SpawnArea { mob: mob?, count: count?, area, respawn_ticks })
}

/// From a death until another comes, where nobody says otherwise: a minute.
const RESPAWN_TICKS: u32 = 60 * protocol::unit::TICK_RATE_HZ;

fn vendor(reader: &mut Reader<'_>, extent: Extent) -> Vendor {
    reader.needs(&["name"]);
    Vendor {
        name: reader.text("name").unwrap_or_default(),
        area: circle(reader, extent),
        sells: reader.list_of("sells").unwrap_or_default(),
        repairs: reader.flag("repairs").unwrap_or_default(),
    }
}

fn trigger(reader: &mut Reader<'_>, extent: Extent) -> Trigger {
    reader.needs(&["name"]);
    let exit = reader.point("exit_m", 0.0..=SIDE_MAX);
    if exit.is_some_and(|(x, y)| x >= extent.0 || y >= extent.1) {
        reader.complain("exit_m", &format!("it is outside of the map, which is {}", shown(extent)));
    }
    Trigger {
        name: reader.text("name").unwrap_or_default(),
        area: circle(reader, extent),
        effect: reader.named("effect"),
        exit,
    }
}

/// A circle, whose keys stand among those of what it belongs to; the whole of it lies on the map.
fn circle(reader: &mut Reader<'_>, extent: Extent) -> Circle {
    reader.needs(&["x_m", "y_m", "radius_m"]);
    let x = reader.metres("x_m", 0.0..=SIDE_MAX);
    let y = reader.metres("y_m", 0.0..=SIDE_MAX);
    let radius = reader.metres("radius_m", 0.5..=SIDE_MAX);
    let (Some(x), Some(y), Some(radius)) = (x, y, radius) else { return Circle::default() };
    let is_within =
        |middle: i32, side: i32| middle >= radius && i64::from(middle) + i64::from(radius) <= i64::from(side);
    if !is_within(x, extent.0) || !is_within(y, extent.1) {
        reader.complain("", &format!("the circle reaches over the edge of the map, which is {}", shown(extent)));
    }
    Circle { x, y, radius }
}

fn shown((width, depth): Extent) -> String {
    format!("{} m by {} m", width / SUBUNITS_PER_M, depth / SUBUNITS_PER_M)
}
