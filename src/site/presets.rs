//! The descriptions that come with the program, and how the settings of a site
//! change them.

use super::description::{Description, Faulty};
use crate::config::{Preset, SiteSettings};
use serde_json::{Map, Value};
use std::fmt::Write as _;

const ALBUM: &str = include_str!("presets/album.toml");
const WORDPRESS: &str = include_str!("presets/wordpress.toml");
const DRUPAL: &str = include_str!("presets/drupal-jsonapi.toml");
const STRAPI: &str = include_str!("presets/strapi.toml");
const EMBEDDED: &str = include_str!("presets/embedded.toml");

/// Texts that stand for `${name}` in the rest of the description.
const CONSTANTS: &str = "set";

/// The description that the settings ask for: the preset's, with the keys that
/// the settings say otherwise.
pub(super) fn description(settings: &SiteSettings) -> Result<Description, Faulty> {
    let mut whole = preset(settings.preset);
    merge(&mut whole, &settings.description);
    let whole = constants(whole)?;
    Description::from_value(&Value::Object(whole))
}

fn preset(preset: Preset) -> Map<String, Value> {
    let text = match preset {
        Preset::Album => ALBUM,
        Preset::Embedded => EMBEDDED,
        Preset::WordPress => WORDPRESS,
        Preset::DrupalJsonApi => DRUPAL,
        Preset::Strapi => STRAPI,
        Preset::Rest | Preset::Folder => "",
    };
    parse(text)
}

fn parse(text: &str) -> Map<String, Value> {
    toml::from_str(text).expect("a test parses every preset")
}

/// Lays settings over a preset: tables are merged key by key, anything else
/// takes the place of what was there. `false` takes a key away where the preset
/// has something else than true or false, since TOML can't say "nothing".
fn merge(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (Some(Value::Bool(_)) | None, _) => {
                base.insert(key.clone(), value.clone());
            }
            (Some(_), Value::Bool(false)) => {
                base.remove(key);
            }
            (Some(_), _) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Puts the constants into every text and every key.
fn constants(mut whole: Map<String, Value>) -> Result<Map<String, Value>, Faulty> {
    let faulty = |key: &str, why: String| Faulty {
        key: key.to_owned(),
        why,
    };
    let known = match whole.remove(CONSTANTS) {
        None => Map::new(),
        Some(Value::Object(known)) => known,
        Some(_) => return Err(faulty(CONSTANTS, "must be a table of texts".to_owned())),
    };
    let mut texts = Vec::new();
    for (name, value) in known {
        let Value::String(text) = value else {
            let key = format!("{CONSTANTS}.{name}");
            return Err(faulty(&key, "must be a text".to_owned()));
        };
        texts.push((format!("${{{name}}}"), text));
    }
    let mut filled = Map::new();
    for (key, value) in whole {
        let value = fill(value, &texts).map_err(|why| faulty(&key, why))?;
        filled.insert(key, value);
    }
    Ok(filled)
}

fn fill(value: Value, texts: &[(String, String)]) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(fill_text(&text, texts)?),
        Value::Array(items) => items
            .into_iter()
            .map(|item| fill(item, texts))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, field)| Ok((fill_text(&key, texts)?, fill(field, texts)?)))
            .collect::<Result<Map<_, _>, String>>()?
            .into(),
        other => other,
    })
}

fn fill_text(text: &str, texts: &[(String, String)]) -> Result<String, String> {
    let mut filled = text.to_owned();
    for (name, value) in texts {
        filled = filled.replace(name, value);
    }
    let Some(open) = filled.find("${") else {
        return Ok(filled);
    };
    let mut message = format!("\"{filled}\" names a constant that is not in [site.{CONSTANTS}]");
    let end = filled[open..]
        .find('}')
        .map_or(filled.len(), |at| open + at);
    let _ = write!(message, ": {}", &filled[open + 2..end]);
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn every_preset_is_a_sound_description() {
        for kind in [
            Preset::Album,
            Preset::Embedded,
            Preset::WordPress,
            Preset::DrupalJsonApi,
            Preset::Strapi,
        ] {
            let whole = constants(preset(kind)).unwrap();
            let read = Description::from_value(&Value::Object(whole));
            assert!(read.is_ok(), "{kind:?}: {:?}", read.err());
        }
    }

    #[test]
    fn settings_change_single_keys_and_take_away_whole_tables() {
        let mut base = object(json!({
            "list": {"limit": 100, "query": {"a": "1", "b": "2"}},
            "tag": {"pointer": "/x"}, "auth": {"images": true},
        }));
        let over = object(json!({
            "list": {"limit": 50, "query": {"a": false, "c": "3"}},
            "tag": false, "auth": {"images": false}, "probe": {"url": "/me"},
        }));
        merge(&mut base, &over);
        assert_eq!(
            Value::Object(base),
            json!({
                "list": {"limit": 50, "query": {"b": "2", "c": "3"}},
                "auth": {"images": false}, "probe": {"url": "/me"},
            })
        );
    }

    #[test]
    fn constants_stand_in_texts_and_keys() {
        let whole = object(json!({
            "set": {"field": "field_photo", "api": "/api"},
            "read": {"url": "${api}/{id}"}, "update": {"body": {"${field}": ["/a/${field}"]}},
        }));
        assert_eq!(
            Value::Object(constants(whole).unwrap()),
            json!({
                "read": {"url": "/api/{id}"}, "update": {"body": {"field_photo": ["/a/field_photo"]}},
            })
        );
        let unknown = object(json!({"read": {"url": "${api}/x"}}));
        let error = constants(unknown).unwrap_err().to_string();
        assert!(
            error.starts_with("site.read: ") && error.ends_with(": api"),
            "{error}"
        );
    }
}
