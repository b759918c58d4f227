//! For scripts: one JSON object each.

use super::Today;
use crate::archive::ModelName;
use crate::checkpoint::{RunRow, Status};
use crate::config::Models;
use serde_json::{Value, json};

/// The state of the archive with what it cost and its last runs.
pub fn status(status: &Status, today: &Today, runs: &[RunRow]) -> String {
    let mut object = serde_json::to_value(status).expect("a status is plain data");
    object["held_by_reason"] = status
        .held_by_reason
        .iter()
        .map(|(reason, count)| (reason.clone(), json!(count)))
        .collect();
    object["today"] = json!({
        "day": today.date(),
        "cost_usd": today.spent.cost.0,
        "calls_without_price": today.unpriced(),
        "limit_usd": today.limit.map(|limit| limit.0),
    });
    object["runs"] = runs
        .iter()
        .map(|run| {
            let summary = run
                .summary
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok());
            json!({
                "run": run.number.0,
                "id": run.id.as_str(),
                "mode": run.mode,
                "started": run.started.0,
                "finished": run.finished.map(|moment| moment.0),
                "ended": run.ended,
                "summary": summary.unwrap_or(Value::Null),
            })
        })
        .collect();
    object.to_string()
}

/// The models that can be asked.
pub fn models(models: &Models, chain: &[ModelName]) -> String {
    let list: Vec<Value> = models
        .iter()
        .map(|(name, entry)| {
            json!({
                "name": name.as_str(),
                "provider": format!("{:?}", entry.provider).to_lowercase(),
                "model": entry.model,
                "deployment": if entry.cloud { "cloud" } else { "local" },
                "description": entry.description,
                "price": entry.price.map(|price| json!({"input": price.input, "output": price.output})),
                "key_variable": entry.api_key_env,
                "key_set": entry.api_key.is_some(),
                "place_in_chain": chain.iter().position(|used| used == name),
            })
        })
        .collect();
    Value::from(list).to_string()
}
