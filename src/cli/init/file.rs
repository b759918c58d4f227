//! The text of a new settings file. Pure but for the schemas beside it.

use super::answers::{Account, Plan, Token};
use super::description::{BESIDE, description};
use crate::cli::args::Global;
use crate::config::TO_FILL;
use std::fmt::Write as _;
use std::path::Path;
use url::Url;

/// The folder beside the settings in which the schemas for editors lie.
pub(super) const SCHEMAS: &str = ".altfill";

const PIPELINE: &str = include_str!("../../../docs/schema/pipeline.schema.json");
const MODELS: &str = include_str!("../../../docs/schema/models.schema.json");

/// Writes the schemas that the new files name in their first line, so that an
/// editor finds them wherever the files lie.
pub(super) fn write_schemas(directory: &Path) -> anyhow::Result<()> {
    let folder = directory.join(SCHEMAS);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("pipeline.schema.json"), PIPELINE)?;
    std::fs::write(folder.join("models.schema.json"), MODELS)?;
    Ok(())
}

/// The whole file.
pub(super) fn settings(
    plan: &Plan,
    model: &str,
    global: &Global,
    models: &Path,
    directory: &Path,
) -> String {
    let mut text = format!(
        "#:schema ./{SCHEMAS}/pipeline.schema.json\n{}\n",
        heading(plan)
    );
    let line = format!("model = {}", quoted(model));
    let _ = writeln!(text, "{line:BESIDE$} # `altfill models` lists the names");
    if models.parent() != Some(directory)
        || models.file_name().is_none_or(|name| name != "models.yaml")
    {
        let models = std::path::absolute(models).unwrap_or_else(|_| models.to_owned());
        let _ = writeln!(text, "models = {}", quoted(&models.display().to_string()));
    }
    if let Some(state) = &global.state {
        let state = std::path::absolute(state).unwrap_or_else(|_| state.clone());
        let _ = writeln!(text, "state = {}", quoted(&state.display().to_string()));
    }
    match &global.language {
        Some(language) => {
            let _ = writeln!(text, "language = {}", quoted(language));
        }
        None => text
            .push_str("# language = \"en\"                 # of the alt texts: en, nl, pt-BR, …\n"),
    }
    text.push_str("\n[site]\n");
    text.push_str(&site(plan));
    text.push_str(REST);
    text
}

/// What every new file ends with.
const REST: &str = "
[context]
# What the model is told beside the photo. Coordinates are never among it.
# notes = \"Photos of a family archive, Belgium and the USA.\"

[run]
# max_cost = 5.00                 # US dollars a run; cloud models then need a price
# deadline = \"4h\"
";

fn heading(plan: &Plan) -> String {
    let site = match plan {
        Plan::Embedded => return "# Settings of altfill for the small archive inside the program: no key, no\n# server, no network. docs/CONFIGURATION.md explains every key.\n".to_owned(),
        Plan::Folder(path) => {
            return format!(
                "# Settings of altfill for the photos in {}\n\
                 # docs/CONFIGURATION.md explains every key.\n",
                path.display()
            );
        }
        Plan::WordPress { base, .. } | Plan::Drupal { base, .. } | Plan::Strapi { base, .. } | Plan::Album { base, .. } => base,
        Plan::Described(described) => {
            return format!(
                "# Settings of altfill for {}, which no preset fits.\n\
                 # What stands here was guessed from what the site answered. Lines with {TO_FILL} are\n\
                 # left to you: `altfill check` names them, and then tries every line without\n\
                 # writing anything. docs/sites/README.md has a whole description, and\n\
                 # docs/CONFIGURATION.md every key.\n",
                described.base
            );
        }
    };
    format!(
        "# Settings of altfill for {site}\n# docs/CONFIGURATION.md explains every key. Put secrets into the environment or into\n# a file .env here, never into this file.\n"
    )
}

fn site(plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str, remark: &str| {
        let line = format!("{key} = {value}");
        let _ = if remark.is_empty() {
            writeln!(text, "{line}")
        } else {
            writeln!(text, "{line:BESIDE$} # {remark}")
        };
    };
    match plan {
        Plan::Embedded => line(
            "preset",
            "\"embedded\"",
            "48 photos that the program draws itself",
        ),
        Plan::Folder(path) => {
            line("preset", "\"folder\"", "");
            line("dir", &quoted(&path.display().to_string()), "");
            line(
                "# texts",
                "\"sidecars\"",
                "or one file for all: alt.csv, alt.json",
            );
        }
        Plan::WordPress {
            base,
            account,
            site,
        } => {
            line("preset", "\"wordpress\"", "");
            line("base_url", &address(base), "");
            self::account(&mut line, account, "its application password");
            if site.api != "/wp-json/wp/v2" {
                line("set", &format!("{{ api = {} }}", quoted(&site.api)), "");
            }
        }
        Plan::Drupal {
            base,
            account,
            site,
        } => {
            line("preset", "\"drupal-jsonapi\"", "");
            line("base_url", &address(base), "");
            self::account(&mut line, account, "its password");
            let mut set = Vec::new();
            if site.media_type != "image" {
                set.push(format!("type = {}", quoted(&site.media_type)));
            }
            if let Some(field) = site
                .field
                .as_deref()
                .filter(|field| *field != "field_media_image")
            {
                set.push(format!("field = {}", quoted(field)));
            }
            if !set.is_empty() {
                line("set", &format!("{{ {} }}", set.join(", ")), "");
            }
        }
        Plan::Strapi { base, token } => {
            line("preset", "\"strapi\"", "");
            line("base_url", &address(base), "");
            self::token(&mut line, token, "the API token");
        }
        Plan::Album {
            base,
            token,
            manifest,
            pixels,
        } => {
            line("preset", "\"album\"", "");
            line("base_url", &address(base), "");
            self::token(&mut line, token, "the token");
            if let Some(manifest) = manifest {
                line("manifest", &quoted(manifest), "one album/name a line");
            }
            if pixels.contains('{') {
                line("pixels", &quoted(pixels), "");
            } else {
                line("pixels", &format!("{{ dir = {} }}", quoted(pixels)), "");
            }
        }
        Plan::Described(described) => {
            line("preset", "\"rest\"", "");
            line("base_url", &address(&described.base), "");
            if let Some(user) = &described.user {
                line("user", &quoted(user), "");
            }
            self::token(&mut line, &described.token, "the token");
            text.push_str(&description(described));
        }
    }
    text
}

fn account(line: &mut impl FnMut(&str, &str, &str), account: &Account, what: &str) {
    line("user", &quoted(&account.user), "");
    token(line, &account.token, what);
}

fn token(line: &mut impl FnMut(&str, &str, &str), token: &Token, what: &str) {
    match token {
        Token::Variable(name) => line(
            "token_env",
            &quoted(name),
            &format!("the variable that holds {what}"),
        ),
        Token::File(path) => line(
            "token_file",
            &quoted(path),
            &format!("the file that holds {what}"),
        ),
    }
}

/// A path of the site as it stands below its address.
pub(super) fn below(base: &Url, path: &str) -> String {
    let own = base.path().trim_end_matches('/');
    path.strip_prefix(own).unwrap_or(path).to_owned()
}

fn address(base: &Url) -> String {
    quoted(base.as_str().trim_end_matches('/'))
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A key as TOML has it.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::Described;
    use super::*;
    use crate::site::discover::{Guess, Numbering};

    fn guess() -> Guess {
        Guess {
            path: "/cms/api/items".to_owned(),
            items: "/result/items".to_owned(),
            id: Some("/key".to_owned()),
            alt: Some("/texts/alternative".to_owned()),
            title: Some("/texts/heading".to_owned()),
            html: true,
            image: Some("/file/href".to_owned()),
            item: Some("/data".to_owned()),
            paging: Some(Numbering::Page {
                page: "page".to_owned(),
                limit: Some("limit".to_owned()),
            }),
            query: vec![("page[x]".to_owned(), "{a}".to_owned())],
            ..Guess::default()
        }
    }

    fn described(guess: Option<Guess>) -> toml::Table {
        let described = Described {
            base: Url::parse("https://example.org/cms").unwrap(),
            token: Token::Variable("SITE_TOKEN".to_owned()),
            user: None,
            guess: guess.map(Box::new),
        };
        let text = format!("[site]\n{}", site(&Plan::Described(described)));
        text.parse()
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn what_was_guessed_is_written_and_the_rest_is_to_be_filled_in() {
        let table = described(Some(guess()));
        let site = &table["site"];
        assert_eq!(site["list"]["url"].as_str(), Some("/api/items"));
        assert_eq!(site["list"]["query"]["page[x]"].as_str(), Some("{{a}}"));
        assert_eq!(site["read"]["url"].as_str(), Some("/api/items/{id}"));
        assert_eq!(site["read"]["item"].as_str(), Some("/data"));
        let body = &site["update"]["body"];
        assert_eq!(body["data"]["texts"]["alternative"].as_str(), Some("{alt}"));
        assert_eq!(
            site["fields"]["title"]["html"].as_str(),
            Some("/texts/heading")
        );
        assert!(!table.to_string().contains(TO_FILL), "{table}");
        let open = described(None).to_string();
        assert_eq!(open.matches(TO_FILL).count(), 9, "{open}");
    }

    #[test]
    fn texts_are_quoted_as_toml_wants_them() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(key("page[limit]"), "\"page[limit]\"");
        assert_eq!(
            below(&Url::parse("https://x.org/cms").unwrap(), "/cms/api"),
            "/api"
        );
    }
}
