//! Every code of a `Problem`, in one table, with the paragraph that `wellspring explain` prints.
//!
//! 10xx reading files, 11xx loading them, 12xx binding values to settings. Codes are never reused.

/// A code and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `WS-1203`.
    pub code: &'static str,
    /// A headline.
    pub title: &'static str,
    /// One paragraph: what it means, why, what to do.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// All codes of this crate, in order.
        pub const CODES: &[Code] = &[$(Code { code: $code, title: $title, explanation: $explanation }),*];
    };
}

codes! {
    YAML_SYNTAX = "WS-1001", "YAML cannot be read",
        "The file is not YAML as Spring reads it (YAML 1.1). Usual causes: a tab as indentation or after a colon, a value that begins with @ or %, an unclosed quote or bracket, text after a document end (...).";
    YAML_DUPLICATE_KEY = "WS-1002", "a key stands twice in one mapping",
        "Two entries of the same mapping have the same key. Spring refuses such files, because one of the two would be lost. Keys that read as the same value are the same key: 1 and 0x1, yes and on. Merge the two entries.";
    YAML_TAG = "WS-1003", "unknown YAML tag",
        "A value carries a tag such as !secret. Only the standard ones are known: !!str, !!int, !!float, !!bool, !!null, !!binary, !!seq, !!map. Remove the tag, or quote the text when it was meant literally.";
    YAML_VALUE = "WS-1004", "value does not fit its YAML tag or form",
        "A tagged or merged value cannot be read: !!int on text, base64 that is none, a merge (<<) of something that is no mapping, an alias inside its own anchor.";
    YAML_LIMIT = "WS-1005", "YAML is too deep or too large",
        "Nesting ends at 50 levels, as in Spring, and aliases may expand to at most 500,000 values. Files beyond that are mistakes or attacks.";
    TEXT_ENCODING = "WS-1006", "file is not UTF-8",
        "YAML files are read as UTF-8 (or UTF-16 with a byte order mark). Save the file as UTF-8. Control characters are refused as well; write them as escapes in double quotes.";
    PROPERTIES_SYNTAX = "WS-1007", "properties file cannot be read",
        "A \\u escape in a .properties file is not followed by four hexadecimal digits.";
    JSON_SYNTAX = "WS-1008", "JSON cannot be read",
        "SPRING_APPLICATION_JSON, or a JSON document, is not an object in JSON syntax.";
    PROFILE_EXPRESSION = "WS-1010", "profile expression cannot be read",
        "A profile expression is a name, !name, or several joined by & or |. Mixing & and | needs parentheses: (a & b) | c.";
    FILE_MISSING = "WS-1101", "configuration file not found",
        "The file or directory given with --config or spring.config.import does not exist. Prefix an import with optional: when it may be absent.";
    FILE_UNREADABLE = "WS-1102", "configuration file cannot be opened",
        "The file exists but could not be read: rights, a directory in its place, or a failing disk. The message of the system follows.";
    IMPORT_UNKNOWN = "WS-1103", "unknown kind of import",
        "spring.config.import names a location whose scheme nothing here can import. Known: files, directories (ending in /), file:, configtree:, and configserver: where a client is linked in.";
    IMPORT_FAILED = "WS-1104", "import failed",
        "Something that spring.config.import asks for could not be fetched. Prefix it with optional: to start without it.";
    PROFILE_SETTING = "WS-1105", "setting is not allowed here",
        "spring.profiles.active, .default, .include and .group may not stand in a document that is itself chosen by profile, and the old key spring.profiles is not read any more: write spring.config.activate.on-profile.";
    PLACEHOLDER = "WS-1110", "placeholder cannot be resolved",
        "A value refers to ${key}, and no source has that key and no default follows a colon: ${key:default}. Or the placeholders refer to each other in a circle.";
    TYPE_MISMATCH = "WS-1201", "value has the wrong type",
        "The setting wants another kind of value than the one found, for example a whole number, true or false, or one of a few words.";
    UNKNOWN_KEY = "WS-1202", "unknown setting",
        "A key stands below a prefix that belongs to us, but no setting has that name, so it would have no effect. Usually a slip of the pen.";
    WRONG_SHAPE = "WS-1204", "a value where a group of settings belongs, or the reverse",
        "The setting is a group (or a list) and the file gives a single value, or the setting is one value and the file gives keys below it.";
    MISSING_VALUE = "WS-1205", "a required setting is missing",
        "The setting has no default and no source gives it.";
    BAD_DURATION = "WS-1206", "not a duration",
        "Durations are a whole number with a unit (ns, us, ms, s, m, h, d), such as 10s or 500ms, or ISO-8601 such as PT1M30S. A bare number has the unit that the setting's page names. 1m30s is not read: write 90s or PT1M30S.";
    BAD_DATA_SIZE = "WS-1207", "not a data size",
        "Sizes are a whole number with B, KB, MB, GB or TB, such as 10MB. KB is 1,024 bytes. A bare number is bytes.";
    UNSUPPORTED = "WS-1208", "a setting that this program cannot follow",
        "The setting is known, but what it asks for was not built in, or does not go together with another setting. The message names both.";
}

/// The entry of a code, however it is written (`ws-1201`, `1201`).
pub fn explain(code: &str) -> Option<&'static Code> {
    let digits = code.trim_start_matches(|c: char| !c.is_ascii_digit());
    CODES.iter().find(|known| known.code.trim_start_matches("WS-") == digits)
}

#[cfg(test)]
mod tests {
    use super::{CODES, explain};

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(CODES.iter().all(|code| explain(code.code) == Some(code)));
        assert_eq!(explain("ws-1201"), explain("1201"));
        assert_eq!(explain("WS-9999"), None);
    }
}
