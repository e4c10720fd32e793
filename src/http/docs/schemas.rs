//! The schemas of the API as HTML: the fields of each, and an example.

use std::fmt::Write;

use serde_json::Value;

use super::html::{escaped, prose};

/// Every schema, by its name.
pub fn all(document: &Value) -> String {
    let mut body = String::from("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let about = prose(schema["description"].as_str().unwrap_or_default());
        let mut rows = rows(schema);
        let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            write!(rows, "<tr><th colspan=\"3\">or with</th></tr>{}", self::rows(choice)).expect("a string takes it");
        }
        let example = escaped(&format!("{:#}", schema["examples"][0]));
        write!(
            body,
            "<section id=\"schema-{name}\"><h3>{name}</h3><p>{about}</p><table>{rows}</table>\
             <details><summary>Example</summary><pre tabindex=\"0\">{example}</pre></details></section>"
        )
        .expect("a string takes what is written to it");
    }
    body
}

/// The fields of an object.
fn rows(schema: &Value) -> String {
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let fields = schema["properties"].as_object().into_iter().flatten();
    let rows = fields.map(|(name, field)| {
        let about = prose(field["description"].as_str().unwrap_or_default());
        let optional = if is_required(name) { "" } else { ", may be left out" };
        format!("<tr><th><code>{name}</code></th><td>{}{optional}</td><td>{about}</td></tr>", kind(field))
    });
    rows.collect()
}

/// What a schema lets through, in a few words.
pub fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| format!("<code>{}</code>", escaped(word.as_str().unwrap_or("null"))));
        return words.collect::<Vec<_>>().join(" ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    let named = names.iter().map(|name| match *name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {} by name", kind(&schema["additionalProperties"]))
        }
        "string" => schema["format"].as_str().unwrap_or("string").to_owned(),
        "integer" => bounds(schema),
        other => other.to_owned(),
    });
    named.collect::<Vec<_>>().join(" or ")
}

fn bounds(schema: &Value) -> String {
    match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!("whole number from {least} to {most}"),
        (_, _) => "whole number".to_owned(),
    }
}
