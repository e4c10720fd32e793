//! The `[webhooks]` of a configuration.

use std::path::PathBuf;

use super::reader::{Reader, Section};
use crate::domain::InternalHost;

/// Hosts and networks that may be allowed.
const ALLOW_MAX: usize = 1_000;

/// Where the events of practices may be posted to.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    /// Beside the public addresses of the internet.
    pub allow: Vec<InternalHost>,
    /// Certificates, in PEM, that are trusted beside those that this machine trusts.
    pub ca_file: Option<PathBuf>,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader, mut section: Section) -> Self {
        let allow = reader.list(&mut section, "allow", "addresses, networks and host names", ALLOW_MAX);
        let ca_file = reader.file(&mut section, "ca_file");
        reader.finish(section);
        Self { allow: allow.unwrap_or_default(), ca_file }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::config::tests::SMALLEST;

    #[test]
    fn nothing_inside_is_allowed_unless_it_is_named() {
        assert!(Config::from_toml(SMALLEST).unwrap().webhooks.allow.is_empty());
        let named = format!("{SMALLEST}\n[webhooks]\nallow = [\"10.1.2.0/24\", \"::1\", \"Hooks.internal\"]");
        assert_eq!(Config::from_toml(&named).unwrap().webhooks.allow.len(), 3);
        let wrong = format!(
            "{SMALLEST}\n[webhooks]\nallow = [\"10.1.2.3/24\", \"https://hooks.internal\", \"10.1.2\", \"*\"]\nca_file = \"/none\"\nport = 1"
        );
        let what =
            "must be an IP address, a network such as 10.1.2.0/24 with no bit after it set, or the name of a host";
        let expected = [
            format!("webhooks.allow[0]: {what}"),
            format!("webhooks.allow[1]: {what}"),
            format!("webhooks.allow[2]: {what}"),
            format!("webhooks.allow[3]: {what}"),
            "webhooks.ca_file: /none: No such file or directory (os error 2)".to_owned(),
            "webhooks.port: unknown key".to_owned(),
        ];
        assert_eq!(Config::from_toml(&wrong).unwrap_err().0, expected);
    }
}
