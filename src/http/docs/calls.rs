//! The calls of the API as HTML: what each takes, answers and refuses, and how it is made with curl.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::html::{escaped, prose};
use super::schemas::kind;

const WRITES: &str = "a string takes what is written to it";

/// The list of contents: the groups, and the calls of each.
pub fn contents(document: &Value) -> String {
    let mut list = String::new();
    for (group, _) in groups(document) {
        let calls = calls(document, group).map(|call| {
            let (id, place) = (call.text("operationId"), call.place());
            format!("<li><a href=\"#{id}\">{}</a></li>", escaped(&place))
        });
        write!(list, "<h2>{group}</h2><ul>{}</ul>", calls.collect::<String>()).expect(WRITES);
    }
    list + "<h2><a href=\"#schemas\">schemas</a></h2>"
}

/// Every call, group by group.
pub fn all(document: &Value) -> String {
    let mut body = format!("<p>{}</p>", prose(document["info"]["description"].as_str().unwrap_or_default()));
    for (group, about) in groups(document) {
        write!(body, "<h2 id=\"group-{group}\">{}</h2>", escaped(about)).expect(WRITES);
        calls(document, group).for_each(|call| body.push_str(&call.shown()));
    }
    body
}

/// One call of the description.
struct Call<'a> {
    method: String,
    path: &'a str,
    operation: &'a Value,
}

impl Call<'_> {
    fn text(&self, name: &str) -> &str {
        self.operation[name].as_str().unwrap_or_default()
    }

    fn place(&self) -> String {
        let within = self.path.strip_prefix("/v1/practices/{practice}").filter(|rest| !rest.is_empty());
        format!("{} {}", self.method, within.unwrap_or(self.path))
    }

    fn shown(&self) -> String {
        let mut shown = format!(
            "<section id=\"{}\"><h3><b>{}</b> <code>{}</code></h3><p>{}.</p><p>{}</p>",
            self.text("operationId"),
            self.method,
            escaped(self.path),
            prose(self.text("summary")),
            prose(self.text("description")),
        );
        write!(shown, "<pre tabindex=\"0\">{}</pre>", escaped(&self.curl())).expect(WRITES);
        let parameters = self.operation["parameters"].as_array().into_iter().flatten();
        let rows: String = parameters.map(parameter).collect();
        if !rows.is_empty() {
            write!(shown, "<table><caption>Parameters</caption>{rows}</table>").expect(WRITES);
        }
        if let Some(content) = self.operation.pointer("/requestBody/content/application~1json") {
            write!(shown, "<p>Takes {}.</p>", kind(&content["schema"])).expect(WRITES);
        }
        let answers = self.operation["responses"].as_object().into_iter().flatten();
        let rows: String = answers.map(|(status, answer)| answered(status, answer)).collect();
        write!(shown, "<table><caption>Answers</caption>{rows}</table></section>").expect(WRITES);
        shown
    }

    /// The call with the examples of its parameters and its body.
    fn curl(&self) -> String {
        let mut path = self.path.to_owned();
        let mut query = Vec::new();
        for parameter in self.operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let example = match &parameter["example"] {
                Value::Null => continue,
                Value::String(text) => text.replace('+', "%2B").replace(' ', "%20"),
                other => other.to_string(),
            };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &example),
                Some("query") => query.push(format!("{name}={example}")),
                Some(_) | None => {}
            }
        }
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let mut curl = match self.method.as_str() {
            "GET" => format!("curl \"$ASSENT{path}{query}\""),
            method => format!("curl -X {method} \"$ASSENT{path}{query}\""),
        };
        let needs_token = self.operation["security"].get(0).is_some();
        if needs_token {
            curl += " -H \"Authorization: Bearer $TOKEN\"";
        }
        if needs_token && self.path.contains("{practice}/") {
            curl += " -H 'Assent-Staff: maria'";
        }
        if let Some(content) = self.operation.pointer("/requestBody/content/application~1json") {
            let body = content["example"].to_string().replace('\'', "'\\''");
            write!(curl, " \\\n  -H 'Content-Type: application/json' -d '{body}'").expect(WRITES);
        }
        curl
    }
}

fn parameter(parameter: &Value) -> String {
    let name = parameter["name"].as_str().unwrap_or_default();
    let about = parameter["description"].as_str().unwrap_or_default();
    let place = parameter["in"].as_str().unwrap_or_default();
    format!(
        "<tr><th><code>{name}</code></th><td>{place}</td><td>{}</td><td>{}</td></tr>",
        kind(&parameter["schema"]),
        prose(about)
    )
}

fn answered(status: &str, answer: &Value) -> String {
    let codes: Vec<&str> = answer["x-codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !codes.is_empty() {
        let links = codes.iter().map(|code| format!("<a href=\"/docs/errors#{code}\"><code>{code}</code></a>"));
        return format!("<tr><th>{status}</th><td>{}</td></tr>", links.collect::<Vec<_>>().join(" "));
    }
    let mut shown = prose(answer["description"].as_str().unwrap_or_default());
    let headers = answer["headers"].as_object().into_iter().flatten();
    for (name, header) in headers {
        write!(shown, "; <code>{name}</code>: {}", prose(header["description"].as_str().unwrap_or_default()))
            .expect(WRITES);
    }
    for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
        let schema = content.get("x-event-data").unwrap_or(&content["schema"]);
        write!(shown, ": <code>{media_type}</code>, {}", kind(schema)).expect(WRITES);
        if let Some(example) = content.get("example") {
            write!(
                shown,
                "<details><summary>Example</summary><pre tabindex=\"0\">{}</pre></details>",
                escaped(&format!("{example:#}"))
            )
            .expect(WRITES);
        }
    }
    format!("<tr><th>{status}</th><td>{shown}</td></tr>")
}

fn groups(document: &Value) -> impl Iterator<Item = (&str, &str)> {
    let groups = document["tags"].as_array().into_iter().flatten();
    groups.filter_map(|group| Some((group["name"].as_str()?, group["description"].as_str()?)))
}

fn calls<'a>(document: &'a Value, group: &'a str) -> impl Iterator<Item = Call<'a>> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::iter);
    let calls = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().into_iter().flat_map(Map::iter);
        operations.map(move |(method, operation)| Call { method: method.to_uppercase(), path, operation })
    });
    calls.filter(move |call| call.operation["tags"][0] == group)
}
