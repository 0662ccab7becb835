//! A small world that is right, for tests that make one thing wrong.

use super::{Content, ContentFile, Problems};
use protocol::unit::SUBUNITS_PER_M;

const FILES: &[(&str, &str)] = &[
    ("rules.toml", "level_max = 10\n"),
    (
        "classes.toml",
        "[fighter]\nid = 1\nbase = { health_max = 100 }\nper_level = { health_max = 12.5 }\nskills = [\"hit\"]\n\
         tree = [{ skill = \"burn\" }, { skill = \"rest\", level = 3, needs = [\"burn\"] }]\nkit = { bread = 3 }\n",
    ),
    (
        "skills.toml",
        "[hit]\nid = 1\ntarget = \"unit\"\nrange_m = 3\nside = \"enemies\"\ncooldown_s = 1.5\n\
         outcomes = [{ damage = \"physical\", amount = 5 }]\n\
         [burn]\nid = 2\nmana = 5\nranks = 3\ntarget = \"missile\"\nrange_m = 30\nspeed_m_s = 20\n\
         outcomes = [{ damage = \"fire\", amount = 1, power = 0.5 }, { apply = \"burning\" }]\n\
         [rest]\nid = 3\ntarget = \"own\"\nchannel = { length_s = 4, every_s = 1 }\noutcomes = [{ heal = 5 }]\n",
    ),
    (
        "effects.toml",
        "[burning]\nid = 1\nduration_s = 6\nharmful = true\nstacking = \"stack\"\nstacks = 3\n\
         pulse = { every_s = 1, outcomes = [{ damage = \"fire\", amount = 1 }] }\n\
         [warmth]\nid = 2\nduration_s = 60\naura = { radius_m = 10, effect = \"comfort\" }\n\
         [comfort]\nid = 3\nduration_s = 3\nadds = { health_regen = 10 }\n",
    ),
    (
        "items.toml",
        "[stick]\nid = 1\nslot = \"main_hand\"\nadds = { attack = 2 }\ndurability = 10\nprice = 10\nvalue = 5\n\
         [bread]\nid = 2\nstack = 5\nuse = { outcomes = [{ heal = 5 }] }\nvalue = 1\n",
    ),
    (
        "mobs.toml",
        "[rat]\nid = 1\nlevel = 1\nstats = { health_max = 10 }\nskills = [\"burn\", \"hit\"]\n\
         loot = [{ item = \"bread\", chance = 0.5, count = [1, 2] }]\n",
    ),
    (
        "places/test.toml",
        "spawns = [{ mob = \"rat\", count = 4, x_m = 50, y_m = 50, radius_m = 10 }]\n\
         vendors = [{ name = \"Smith\", x_m = 20, y_m = 20, radius_m = 4, sells = [\"stick\"] }]\n\
         triggers = [{ name = \"Stairs\", x_m = 80, y_m = 20, radius_m = 4, exit_m = [20, 20] }]\n",
    ),
];

/// What is changed: in which file what becomes what.
pub(super) type Edit<'a> = (&'a str, &'a str, &'a str);

/// The small world on a map of 100 m by 100 m, with these changes. Each must change something.
pub(super) fn edited(edits: &[Edit<'_>]) -> Result<Content, Problems> {
    let mut files: Vec<(&str, String)> = FILES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    for (name, from, to) in edits {
        let (_, text) = files.iter_mut().find(|file| file.0 == *name).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        *text = text.replacen(from, to, 1);
    }
    read(&files.iter().map(|(name, text)| ContentFile { name, text }).collect::<Vec<_>>())
}

/// What is wrong with it after these changes.
pub(super) fn problems(edits: &[Edit<'_>]) -> Vec<String> {
    edited(edits).expect_err("this is wrong").0
}

/// The files as they are.
pub(super) fn files() -> Vec<ContentFile<'static>> {
    FILES.iter().map(|&(name, text)| ContentFile { name, text }).collect()
}

/// Reads files for the map of the small world.
pub(super) fn read(files: &[ContentFile<'_>]) -> Result<Content, Problems> {
    Content::read(files, "test", (100 * SUBUNITS_PER_M, 100 * SUBUNITS_PER_M))
}
