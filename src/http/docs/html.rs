//! HTML as text: what every page has, and how words get into it.

/// A page with its list of contents beside it.
pub fn page(title: &str, contents: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"><link rel=\"icon\" href=\"/console/icon.svg\"></head><body>\
         <nav aria-label=\"Contents\"><p><a href=\"/docs\">Calls</a> <a href=\"/docs/errors\">Errors</a> \
         <a href=\"/openapi.json\">openapi.json</a></p>{contents}</nav>\
         <main><h1>{title}</h1>{body}</main></body></html>\n"
    )
}

/// Words that mean nothing to a browser.
pub fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Words in which `backticks` mean code, and an empty line a new paragraph.
pub fn prose(words: &str) -> String {
    let parts = escaped(words);
    let mut parts = parts.split('`');
    let mut made = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        made.push_str(if place % 2 == 0 { "<code>" } else { "</code>" });
        made.push_str(part);
    }
    made.replace("\n\n", "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(escaped("<b>\"&\"</b>"), "&lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;");
        assert_eq!(prose("send `a<b`, or\n\n`c`"), "send <code>a&lt;b</code>, or<br><code>c</code>");
    }
}
