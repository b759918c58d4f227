//! Requests as a description says them: method, address, query, headers, body.

use super::super::address::{Encoding, Template};
use super::super::body;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

/// HTTP methods that descriptions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in super::super) enum Method {
    Get,
    Post,
    Put,
    Patch,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
        }
    }
}

/// One kind of request.
#[derive(Clone, Debug)]
pub(in super::super) struct Request {
    /// The method.
    pub(in super::super) method: Method,
    /// The address, without the query.
    pub(in super::super) url: Template,
    query: Query,
    headers: Headers,
    /// The media type of the body, where there is one.
    pub(in super::super) content_type: Option<String>,
    /// JSON whose strings are templates.
    pub(in super::super) body: Option<Value>,
}

/// The keys that every request of a description may have.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) method: Option<Method>,
    pub(super) url: Template,
    pub(super) query: Query,
    pub(super) headers: Headers,
    pub(super) content_type: Option<String>,
    pub(super) body: Option<Value>,
}

impl Request {
    /// Checks the templates: each may use these variables.
    pub(super) fn new(keys: Keys, usual: Method, known: &[&str]) -> Result<Self, String> {
        keys.url.check(known).map_err(|why| format!("url: {why}"))?;
        for (name, template) in &keys.query.0 {
            let checked = template.check(known);
            checked.map_err(|why| format!("query.{name}: {why}"))?;
        }
        for (name, template) in &keys.headers.0 {
            let checked = template.check(known);
            checked.map_err(|why| format!("headers.{name}: {why}"))?;
            let literal = template.render(Encoding::Plain, |_| None::<&str>);
            let value = HeaderValue::from_str(&literal);
            value.map_err(|_| format!("headers.{name} holds what no header can carry"))?;
        }
        if let Some(kind) = &keys.content_type {
            let value = HeaderValue::from_str(kind);
            value.map_err(|_| "content_type holds what no header can carry".to_owned())?;
        }
        Ok(Self {
            method: keys.method.unwrap_or(usual),
            url: keys.url,
            query: keys.query,
            headers: keys.headers,
            content_type: keys.content_type,
            body: keys.body,
        })
    }

    /// Whether the query or the body uses a variable.
    pub(in super::super) fn uses(&self, variable: &str) -> bool {
        let in_query = self.query.0.iter().any(|(_, value)| value.uses(variable));
        in_query
            || self.url.uses(variable)
            || self
                .body
                .as_ref()
                .is_some_and(|node| body::uses(node, variable))
    }

    /// The query's names and values. A value with a variable that nothing fills
    /// in is left out, and its name with it.
    pub(in super::super) fn query<'r>(
        &'r self,
        value: &'r impl Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = (&'r str, String)> {
        self.query.0.iter().filter_map(move |(name, template)| {
            let whole = template.variables().all(|name| value(name).is_some());
            whole.then(|| (name.as_str(), template.render(Encoding::Plain, value)))
        })
    }

    /// The headers that the description adds.
    ///
    /// # Errors
    /// A value that no header can carry.
    pub(in super::super) fn headers(
        &self,
        value: &impl Fn(&str) -> Option<String>,
    ) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.headers.0 {
            let text = template.render(Encoding::Plain, value);
            let value = HeaderValue::from_str(&text);
            let value = value.map_err(|_| format!("\"{text}\" is no value for header {name}"))?;
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }
}

/// Names and values of a query, in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Query(Vec<(String, Template)>);

impl TryFrom<Map<String, Value>> for Query {
    type Error = String;

    fn try_from(raw: Map<String, Value>) -> Result<Self, String> {
        let entry = |(name, value)| {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                other => return Err(format!("{name} is {other}, not a text or a number")),
            };
            Ok((name, Template::try_from(text)?))
        };
        raw.into_iter()
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Headers by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "std::collections::BTreeMap<String, String>")]
pub(super) struct Headers(Vec<(HeaderName, Template)>);

impl TryFrom<std::collections::BTreeMap<String, String>> for Headers {
    type Error = String;

    fn try_from(raw: std::collections::BTreeMap<String, String>) -> Result<Self, String> {
        let entry = |(name, value): (String, String)| {
            let header = HeaderName::try_from(&name);
            let header = header.map_err(|_| {
                let shown: String = name.escape_debug().take(24).collect();
                format!("\"{shown}\" is no name of a header")
            })?;
            Ok((header, Template::try_from(value)?))
        };
        raw.into_iter()
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
