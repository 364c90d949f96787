//! Defaults of settings. The command line, `--help` and settings files use the same list.

use clap::{Arg, Command};

use crate::config::flag;

/// The default of one setting, which is named by its key ("beta2").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    key: &'static str,
    value: &'static str,
    /// The setting and the value that this default depends on. `None` for an unconditional default.
    beside: Option<(&'static str, &'static str)>,
}

/// Returns an unconditional default: the setting `key` is `value`.
pub const fn preset(key: &'static str, value: &'static str) -> Preset {
    Preset { key, value, beside: None }
}

impl Preset {
    /// Makes the default apply only if the setting `key` has this value. The first conditional
    /// default that applies overrides the unconditional default.
    pub const fn beside(self, key: &'static str, value: &'static str) -> Self {
        Self { beside: Some((key, value)), ..self }
    }
}

/// Sets the defaults of a command's flags, and adds the conditional defaults to `--help`. If a flag
/// has several unconditional defaults, the last one is used.
///
/// # Panics
/// If a preset names a flag that does not exist.
pub(crate) fn apply(command: Command, presets: &[Preset]) -> Command {
    let mut keys: Vec<&str> = presets.iter().map(|preset| preset.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().fold(command, |command, key| {
        command.mut_arg(key, |arg| {
            let of_key = presets.iter().filter(|preset| preset.key == key);
            let (always, beside): (Vec<&Preset>, Vec<&Preset>) =
                of_key.partition(|preset| preset.beside.is_none());
            with_defaults(arg, always.last().map(|preset| preset.value), &beside)
        })
    })
}

fn with_defaults(mut arg: Arg, always: Option<&'static str>, beside: &[&Preset]) -> Arg {
    let note = note(always, beside);
    if let (Some(help), false) = (arg.get_help(), note.is_empty()) {
        let help = format!("{help}; default {note}");
        arg = arg.help(help);
    }
    for &&Preset { value, beside, .. } in beside {
        let (key, of) = beside.expect("these presets are conditional");
        arg = arg.default_value_if(key, of, value);
    }
    // A flag with a default is optional.
    match always {
        Some(value) => arg.default_value(value).required(false),
        None => arg,
    }
}

/// Formats the conditional defaults in their order: "none with --arch mlp or --penalty gp". Omits
/// conditional defaults at the end that equal the unconditional default.
fn note(always: Option<&str>, beside: &[&Preset]) -> String {
    let shown = beside.iter().rposition(|preset| Some(preset.value) != always).map_or(0, |last| last + 1);
    let notes = beside[..shown].chunk_by(|a, b| a.value == b.value).map(|of_value| {
        let conditions: Vec<_> = of_value.iter().filter_map(|preset| preset.beside).collect();
        let flags = conditions.chunk_by(|a, b| a.0 == b.0).map(|of_flag| {
            let values: Vec<&str> = of_flag.iter().map(|condition| condition.1).collect();
            format!("{} {}", flag(of_flag[0].0), either(&values))
        });
        format!("{} with {}", of_value[0].value, flags.collect::<Vec<_>>().join(" or "))
    });
    notes.collect::<Vec<_>>().join(", ")
}

/// Joins names as a choice: "ring, grid or moons".
pub fn either(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let arg = |name: &'static str| Arg::new(name).long(name).help(name.to_uppercase());
        let presets = [
            preset("rate", "1"),
            preset("size", "3"),
            preset("rate", "4").beside("size", "8"),
            preset("rate", "0.5").beside("size", "9"),
            preset("rate", "2").beside("kind", "a"),
            preset("rate", "2").beside("kind", "b"),
            preset("rate", "2").beside("kind", "c"),
            preset("rate", "4").beside("kind", "d"),
            preset("rate", "4"),
        ];
        let rate = arg("rate").required(true);
        apply(Command::new("toy").args([rate, arg("size").required(true), arg("kind")]), &presets)
    }

    #[track_caller]
    fn rate(flags: &[&str], expected: &str) {
        let given = command().get_matches_from([&["toy"], flags].concat());
        assert_eq!(given.get_one::<String>("rate").map(String::as_str), Some(expected), "{flags:?}");
    }

    #[test]
    fn the_first_default_that_applies_counts() {
        rate(&[], "4");
        rate(&["--kind", "b"], "2");
        rate(&["--size", "9", "--kind", "b"], "0.5");
        rate(&["--size", "8", "--kind", "b"], "4");
        rate(&["--size", "9", "--rate", "7"], "7");
        assert_eq!(command().get_matches_from(["toy"]).get_one::<String>("kind"), None);
    }

    #[test]
    fn help_tells_what_brings_other_defaults() {
        let help = command().render_help().to_string();
        let line = help.lines().find(|line| line.contains("--rate")).expect("a line of the flag");
        let note = "RATE; default 4 with --size 8, 0.5 with --size 9, 2 with --kind a, b or c [default: 4]";
        assert!(line.ends_with(note), "{line}");
        assert!(help.lines().any(|line| line.ends_with("SIZE [default: 3]")), "{help}");
    }

    #[test]
    #[should_panic(expected = "Argument `typo` is undefined")]
    fn a_default_of_no_flag_is_found() {
        apply(command(), &[preset("typo", "1")]).build();
    }
}
