//! Secrets come from a file or from the environment, never from the configuration file itself: that is copied,
//! mailed and checked in.

use std::path::Path;

use secrecy::SecretString;

use crate::kind::Kind;
use crate::reader::Section;
use crate::source::{Origin, RawValue};

impl Section<'_> {
    /// A secret: the environment's `key`, or the content of the file named by `key` with `_file` after it.
    pub fn secret(&mut self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let inline = self.raw(key);
        let inline_is_variable = inline
            .as_ref()
            .is_some_and(|s| matches!(s.origin, Origin::Variable(_)));
        let file_is_variable = matches!(self.origin(&file_key), Some(Origin::Variable(_)));
        if inline_is_variable && file_is_variable {
            let message = format!("is given both directly and as {file_key}; give one of them");
            self.mistake(key, message, self.origin(key));
        }
        match inline {
            Some(setting) => {
                // The variable overrides a file that the configuration file names.
                let _ = self.raw(&file_key);
                self.inline_secret(key, &file_key, &setting.value, setting.origin)
            }
            None => {
                let path = self.optional(&file_key, &Kind::path())?;
                self.secret_in_file(&file_key, &path)
            }
        }
    }

    /// A secret that must be given; a mistake is noted otherwise.
    pub fn required_secret(&mut self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let secret = self.secret(key);
        if secret.is_none() && self.raw(key).is_none() && self.raw(&file_key).is_none() {
            let variable = format!("{}{}__{key}", crate::ENVIRONMENT_PREFIX, self.name).to_ascii_uppercase();
            let message = format!(
                "is missing: name a file in {}.{file_key}, or set {variable}",
                self.name
            );
            self.mistake(key, message, None);
        }
        secret
    }

    fn inline_secret(
        &mut self,
        key: &str,
        file_key: &str,
        value: &RawValue,
        origin: Origin,
    ) -> Option<SecretString> {
        if let Origin::File { .. } = origin {
            let message = format!(
                "is a secret and must not be written in the configuration file: put it into a file of its own and \
                 name that in {}.{file_key}, or use the environment",
                self.name
            );
            self.mistake(key, message, Some(origin));
            return None;
        }
        let text = value.as_text().unwrap_or_default().trim();
        if text.is_empty() {
            self.mistake(key, "is empty", Some(origin));
            return None;
        }
        self.show(key, "(hidden)", &origin.to_string());
        Some(SecretString::from(text.to_owned()))
    }

    fn secret_in_file(&mut self, file_key: &str, path: &Path) -> Option<SecretString> {
        let origin = self.origin(file_key);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.mistake(
                    file_key,
                    format!("names {}, which cannot be read: {error}", path.display()),
                    origin,
                );
                return None;
            }
        };
        if let Some(mode) = open_to_others(path) {
            let message = format!(
                "names {}, which others than its owner may read (mode {mode:03o}); 600 is enough",
                path.display()
            );
            self.warning(file_key, message);
        }
        // Editors end files with a line break, which is never part of a secret.
        let secret = text.trim();
        if secret.is_empty() {
            self.mistake(
                file_key,
                format!("names {}, which is empty", path.display()),
                origin,
            );
            return None;
        }
        Some(SecretString::from(secret.to_owned()))
    }
}

/// The permissions of a file that more people than its owner may read or write.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path) -> Option<u32> {
    None
}
