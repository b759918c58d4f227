//! The models that can be asked, and what came of trying them: as a table of 80
//! columns, and as JSON.

use crate::archive::{ContextField, ModelName, Usd};
use crate::config::{Catalog, Dialect, ModelEntry, Provider};
use crate::model::{Checkup, vision};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use serde_json::{Value, json};

/// What came of trying a model, or wanting to.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// Which.
    pub entry: &'a ModelEntry,
    /// What was found.
    pub result: TrialResult,
    /// Where to mend it, as file and line.
    pub place: Option<(String, usize)>,
}

/// How a trial ended.
#[derive(Clone, Debug)]
pub enum TrialResult {
    /// It was asked, or could not be.
    Checked(Checkup),
    /// Its key is in none of these variables, and nobody needs it now.
    NotTried(String),
    /// Its key is in none of these variables, but it was asked for.
    NoKey(String),
}

impl Trial<'_> {
    /// Whether something has to be mended.
    pub fn is_wrong(&self) -> bool {
        match &self.result {
            TrialResult::Checked(checkup) => checkup.found.is_err(),
            TrialResult::NotTried(_) => false,
            TrialResult::NoKey(_) => true,
        }
    }

    fn word(&self) -> &'static str {
        match &self.result {
            TrialResult::NotTried(_) => "not tried",
            _ if self.is_wrong() => "wrong",
            _ => OK,
        }
    }

    /// What it cost, where a call was made and its price is known.
    fn cost(&self) -> Option<Usd> {
        match &self.result {
            TrialResult::Checked(checkup) => checkup.cost,
            _ => Some(Usd::default()),
        }
    }

    fn told(&self) -> String {
        let checkup = match &self.result {
            TrialResult::NotTried(variable) => return format!("set {variable}"),
            TrialResult::NoKey(variable) => {
                return format!("it has no key: set {variable} in the environment or in .env");
            }
            TrialResult::Checked(checkup) => checkup,
        };
        match &checkup.found {
            Ok(text) => {
                let mut facts = vec![format!("{:.1} s", checkup.took.as_secs_f64())];
                if let Some(usage) = checkup.usage.filter(|used| used.input + used.output > 0) {
                    facts.push(format!("{}+{} tokens", usage.input, usage.output));
                }
                if let Some(cost) = checkup.cost {
                    facts.push(cost.to_string());
                }
                let notes = checkup.notes.iter().map(|note| format!(" ({note})"));
                format!("{}: {text}{}", facts.join(", "), notes.collect::<String>())
            }
            Err(why) => match &self.place {
                Some((file, line)) => format!("{why} ({file}, line {line})"),
                None => why.clone(),
            },
        }
    }

    fn json(&self) -> Value {
        let mut object = json!({"result": self.word().replace(' ', "_")});
        match &self.result {
            TrialResult::NotTried(_) | TrialResult::NoKey(_) => {
                object["problem"] = self.told().into();
            }
            TrialResult::Checked(checkup) => {
                match &checkup.found {
                    Ok(text) => object["text"] = text.as_str().into(),
                    Err(why) => object["problem"] = why.as_str().into(),
                }
                object["notes"] = checkup.notes.clone().into();
                object["answered"] = checkup.answered.clone().into();
                object["seconds"] = round(checkup.took.as_secs_f64()).into();
                object["tokens"] = checkup.usage.map_or(
                    Value::Null,
                    |usage| json!({"input": usage.input, "output": usage.output}),
                );
                object["cost_usd"] = checkup.cost.map(|cost| cost.0).into();
            }
        }
        if let Some((file, line)) = &self.place {
            object["file"] = file.as_str().into();
            object["line"] = (*line).into();
        }
        object
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The name under which a provider stands in `models.yaml`.
fn provider(entry: &ModelEntry) -> &'static str {
    match (entry.provider, entry.dialect) {
        (Provider::Ollama, _) => "ollama",
        (Provider::OpenAi, Dialect::OpenAi) => "openai",
        (Provider::OpenAi, Dialect::Mistral) => "mistral",
        (Provider::OpenAi, Dialect::OpenRouter) => "openrouter",
        (Provider::OpenAi, Dialect::Compatible) => "compatible",
        (Provider::Anthropic, _) => "anthropic",
        (Provider::Gemini, _) => "gemini",
        (Provider::Command, _) => "command",
        (Provider::Embedded, _) => "embedded",
    }
}

/// The variable that should hold a key and does not.
fn missing_key(entry: &ModelEntry) -> Option<&str> {
    let variable = entry.api_key_env.as_deref()?;
    entry.api_key.is_none().then_some(variable)
}

fn price(entry: &ModelEntry) -> String {
    match entry.price {
        Some(price) => format!("{}, {}", price.input, price.output),
        None if entry.cloud => "unknown".to_owned(),
        None => "-".to_owned(),
    }
}

/// The context that a model may see: what the settings allow, as far as its
/// entry does.
fn may_see(catalog: &Catalog, entry: &ModelEntry) -> Vec<&'static str> {
    let allowed = |field: &&ContextField| {
        entry
            .context
            .as_ref()
            .is_none_or(|may| may.contains(*field))
    };
    let fields = catalog.context.fields.iter().filter(allowed);
    fields.map(|field| field.as_str()).collect()
}

/// A table of the entries, one row each that can be understood by itself, and
/// what it takes to read it.
pub fn table(catalog: &Catalog, entries: &[&ModelEntry]) -> String {
    let mut table = plain_table();
    table.set_header([
        "name", "provider", "model", "where", "price", "vision", "may see",
    ]);
    let all: Vec<&str> = catalog.context.fields.iter().map(|f| f.as_str()).collect();
    let sees = |entry: &ModelEntry| {
        let sees = may_see(catalog, entry);
        if sees.is_empty() {
            "photo only".to_owned()
        } else if sees == all {
            "all".to_owned()
        } else {
            sees.join(", ")
        }
    };
    let widest = |least: usize, text: &dyn Fn(&ModelEntry) -> String| {
        let lengths = entries.iter().map(|entry| text(entry).chars().count());
        lengths.max().unwrap_or(0).max(least) + 1
    };
    let others = widest(4, &|entry| entry.name.to_string()).min(NAME)
        + 1
        + widest(8, &|entry| provider(entry).to_owned())
        + PLACE
        + widest(5, &price)
        + 7
        + widest(7, &sees).min(12);
    let room = usize::from(table.width().unwrap_or(80)).saturating_sub(others);
    let ids = widest(5, &|entry| entry.model.clone()).min(room.max(12));
    for entry in entries {
        let sees = sees(entry);
        let place = match (entry.cloud, missing_key(entry)) {
            (true, None) => "cloud",
            (true, Some(_)) => "cloud, no key",
            (false, None) => "local",
            (false, Some(_)) => "local, no key",
        };
        table.add_row([
            entry.name.as_str(),
            provider(entry),
            &parted(&entry.model, ids - 1),
            place,
            &price(entry),
            vision(entry).as_str(),
            &sees,
        ]);
    }
    let names = entries.iter().map(|entry| entry.name.as_str());
    constrain(
        &mut table,
        [
            name_width(names),
            ColumnConstraint::ContentWidth,
            ColumnConstraint::Absolute(Width::Fixed(ids as u16)),
            ColumnConstraint::Absolute(Width::Fixed(PLACE as u16)),
            ColumnConstraint::ContentWidth,
            ColumnConstraint::ContentWidth,
        ],
    );
    let mut text = table.trim_fmt();
    for line in legend(catalog, entries, &all) {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

/// Columns of the place, `no key` on its second line.
const PLACE: usize = 7;

/// Columns that a name may take, the space behind it included.
const NAME: usize = 25;

/// An id in lines of at most so many characters, parted behind its signs; a
/// longer part stays whole as far as the table lets it.
fn parted(id: &str, width: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for part in id.split_inclusive(['-', '/', ':', '.', '_']) {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + part.chars().count() > width {
            lines.push(part.to_owned());
        } else {
            line.push_str(part);
        }
    }
    lines.join("\n")
}

fn legend(catalog: &Catalog, entries: &[&ModelEntry], all: &[&str]) -> Vec<String> {
    let mut lines = vec![String::new()];
    if let Some((first, others)) = catalog.chain.split_first() {
        let mut used = format!("In use: {first}");
        for name in others {
            used.push_str(", then ");
            used.push_str(name.as_str());
        }
        lines.push(used + ".");
    }
    let all = if all.is_empty() {
        "nothing".to_owned()
    } else {
        all.join(", ")
    };
    lines.push("Price: US dollars per million tokens, in and out.".to_owned());
    lines.push(format!("May see all: beside the photo {all}."));
    lines.push("Vision is told by the name; `altfill models --check` tries each.".to_owned());
    let mut variables: Vec<&str> = entries.iter().filter_map(|e| missing_key(e)).collect();
    variables.sort_unstable();
    variables.dedup();
    for variable in variables {
        lines.push(format!("No key: {variable} is not set."));
    }
    lines
}

/// What came of trying, and the sum of it. Models with one and the same problem
/// share a row.
pub fn trials(trials: &[Trial<'_>]) -> String {
    let mut rows: Vec<(&str, Vec<&str>, String)> = Vec::new();
    for word in WORDS {
        for trial in trials.iter().filter(|trial| trial.word() == word) {
            let (name, told) = (trial.entry.name.as_str(), trial.told());
            let same = rows.iter_mut().find(|(_, _, known)| *known == told);
            match same.filter(|_| word != OK) {
                Some((_, names, _)) => names.push(name),
                None => rows.push((word, vec![name], told)),
            }
        }
    }
    let mut table = plain_table();
    for (word, names, told) in &rows {
        table.add_row([*word, &names.join(", "), told]);
    }
    let names = rows.iter().flat_map(|(_, names, _)| names).copied();
    let widths = [ColumnConstraint::ContentWidth, name_width(names)];
    constrain(&mut table, widths);
    format!("{}\n\n{}", table.trim_fmt(), sum(trials))
}

const OK: &str = "ok";

/// How trials end, in the order in which they are listed.
const WORDS: [&str; 3] = [OK, "wrong", "not tried"];

fn sum(trials: &[Trial<'_>]) -> String {
    let counts = WORDS.map(|word| {
        let count = trials.iter().filter(|trial| trial.word() == word).count();
        (count, word)
    });
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let spent: Usd = trials.iter().filter_map(Trial::cost).sum();
    let unknown = trials
        .iter()
        .filter(|trial| trial.entry.cloud && trial.cost().is_none())
        .count();
    let unknown = match unknown {
        0 => String::new(),
        1 => ", and one call of unknown price".to_owned(),
        count => format!(", and {count} calls of unknown price"),
    };
    format!("{}. Spent: {spent}{unknown}.", counts.join(", "))
}

/// The entries as a JSON array; with what came of trying each, where it was
/// tried.
pub fn json(catalog: &Catalog, entries: &[&ModelEntry], trials: &[Trial<'_>]) -> String {
    let object = |entry: &ModelEntry| {
        let name: &ModelName = &entry.name;
        let mut object = json!({
            "name": name.as_str(),
            "provider": provider(entry),
            "model": entry.model,
            "deployment": if entry.cloud { "cloud" } else { "local" },
            "description": entry.description,
            "price": entry.price.map(|price| json!({"input": price.input, "output": price.output})),
            "vision": vision(entry).as_bool(),
            "may_see": may_see(catalog, entry),
            "key_variable": entry.api_key_env,
            "key_set": entry.api_key.is_some(),
            "place_in_chain": catalog.chain.iter().position(|used| used == name),
        });
        let trial = trials.iter().find(|trial| trial.entry.name == *name);
        if let Some(trial) = trial {
            object["check"] = trial.json();
        }
        object
    };
    let list: Vec<Value> = entries.iter().map(|entry| object(entry)).collect();
    Value::from(list).to_string()
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(80);
    }
    table
}

/// Names are what people type, so they stay whole as long as that is possible.
fn name_width<'n>(names: impl Iterator<Item = &'n str>) -> ColumnConstraint {
    const WIDEST: usize = 24;
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    // One more for the comma of a list, and one for the space between columns.
    ColumnConstraint::Absolute(Width::Fixed(longest.clamp(4, WIDEST) as u16 + 2))
}

/// One space between columns, none around them; the last column takes the rest.
fn constrain<const N: usize>(table: &mut Table, widths: [ColumnConstraint; N]) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_constraint(width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_parted_behind_its_signs() {
        for (id, parts) in [
            ("claude-haiku-4-5-20251001", "claude-haiku-\n4-5-20251001"),
            (
                "mistralai/Pixtral-12B-2409",
                "mistralai/\nPixtral-12B-\n2409",
            ),
            ("qwen2.5vl:32b", "qwen2.5vl:32b"),
            ("averyveryverylongname", "averyveryverylongname"),
        ] {
            assert_eq!(parted(id, 13), parts, "{id}");
        }
    }
}
