//! What a local server has to have in memory to answer. A server with room for
//! one model throws it out when another is asked for, and loading it again
//! takes from seconds to minutes.

use crate::config::{ModelEntry, Provider};
use serde_json::Value;

/// Settings that make Ollama load a model anew when they change from one call
/// to the next.
const LOADED_WITH: &[&str] = &["num_ctx", "num_batch", "num_gpu", "main_gpu", "shift"];

/// One model as one server holds it. Calls with different loads of one server
/// must not alternate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    /// Which server: scheme, host and port.
    pub server: String,
    /// What it has in memory: the model, and settings that belong to loading.
    pub what: String,
}

/// What an entry needs its server to have in memory; `None` for what is not
/// loaded on demand: models in the cloud, programs, the embedded one.
pub fn load(entry: &ModelEntry) -> Option<Load> {
    let serves = matches!(entry.provider, Provider::Ollama | Provider::OpenAi);
    let url = entry.base_url.as_ref().filter(|_| serves && !entry.cloud)?;
    let mut what = entry.model.clone();
    if entry.provider == Provider::Ollama {
        let options = entry.settings.get("options");
        for name in LOADED_WITH {
            let value = entry.settings.get(*name);
            let value = value.or_else(|| options?.get(*name));
            what.push(' ');
            what.push_str(&value.map_or_else(String::new, Value::to_string));
        }
    }
    Some(Load {
        server: url.origin().ascii_serialization(),
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::entry;
    use serde_json::json;
    use url::Url;

    fn at(url: &str) -> ModelEntry {
        let mut entry = entry(Provider::Ollama);
        entry.base_url = Some(Url::parse(url).unwrap());
        entry
    }

    #[test]
    fn entries_share_a_load_only_with_one_server_model_and_context() {
        let one = at("http://127.0.0.1:11434/");
        assert_eq!(load(&one), load(&at("http://127.0.0.1:11434/api")));
        assert_ne!(load(&one), load(&at("http://127.0.0.1:11435/")));
        let mut other = one.clone();
        other.settings.insert("temperature".to_owned(), json!(0.5));
        assert_eq!(load(&one), load(&other));
        for (key, value) in [
            ("num_ctx", json!(8192)),
            ("options", json!({"num_ctx": 8192})),
        ] {
            let mut other = one.clone();
            other.settings.insert(key.to_owned(), value);
            assert_eq!(load(&one).unwrap().server, load(&other).unwrap().server);
            assert_ne!(load(&one), load(&other), "{key}");
        }
        let mut cloud = one.clone();
        cloud.cloud = true;
        assert_eq!(load(&cloud), None);
        assert_eq!(load(&entry(Provider::Embedded)), None);
    }
}
