//! Users and tokens as they are kept: one JSON file with mode 0600, replaced whole at each change.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wellspring_wire::Millis;

use super::Role;

/// Somebody with a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) name: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) applications: Vec<String>,
    /// argon2id.
    pub(super) password: String,
    pub(super) created_at: Millis,
}

/// Something with a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) applications: Vec<String>,
    pub(super) sha256: String,
    pub(super) created_at: Millis,
    pub(super) created_by: String,
    #[serde(default)]
    pub(super) expires_at: Option<Millis>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Pages {
    users: Vec<User>,
    tokens: Vec<Token>,
}

#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    pages: Pages,
}

impl Book {
    /// An absent file is an empty book.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let pages = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Pages::default(),
            Err(error) => return Err(error),
        };
        let book = Self { path: path.to_owned(), pages };
        // Says now whether it can be written, and takes the file away from the eyes of others.
        book.write(&book.pages)?;
        Ok(book)
    }

    pub(super) fn users(&self) -> &[User] {
        &self.pages.users
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.pages.tokens
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.users.is_empty() && self.pages.tokens.is_empty()
    }

    /// Adds, or replaces the one of that name, which is returned.
    pub(super) fn put_user(&mut self, user: User) -> io::Result<Option<User>> {
        self.change(|pages| {
            let old = take(&mut pages.users, |known| known.name == user.name);
            pages.users.push(user);
            pages.users.sort_by(|a, b| a.name.cmp(&b.name));
            old
        })
    }

    pub(super) fn remove_user(&mut self, name: &str) -> io::Result<Option<User>> {
        self.change(|pages| take(&mut pages.users, |known| known.name == name))
    }

    pub(super) fn put_token(&mut self, token: Token) -> io::Result<()> {
        self.change(|pages| {
            pages.tokens.push(token);
            pages.tokens.sort_by(|a, b| a.name.cmp(&b.name));
        })
    }

    pub(super) fn remove_token(&mut self, name: &str) -> io::Result<Option<Token>> {
        self.change(|pages| take(&mut pages.tokens, |known| known.name == name))
    }

    /// What is not on disk did not happen.
    fn change<T>(&mut self, change: impl FnOnce(&mut Pages) -> T) -> io::Result<T> {
        let mut pages = self.pages.clone();
        let result = change(&mut pages);
        self.write(&pages)?;
        self.pages = pages;
        Ok(result)
    }

    fn write(&self, pages: &Pages) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("new");
        let absent = std::fs::remove_file(&new);
        if let Err(error) = absent
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
        serde_json::to_writer_pretty(&mut file, pages)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

fn take<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool) -> Option<T> {
    let at = list.iter().position(is)?;
    Some(list.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_for_its_owner_alone_and_read_again() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/access.json");
        let mut book = Book::open(&path).unwrap();
        assert!(book.is_empty());
        let user = |role| User {
            name: "ana".to_owned(),
            role,
            applications: vec!["shop-*".to_owned()],
            password: "$argon2id$x".to_owned(),
            created_at: Millis(1),
        };
        assert!(book.put_user(user(Role::Viewer)).unwrap().is_none());
        assert_eq!(book.put_user(user(Role::Operator)).unwrap().unwrap().role, Role::Viewer);
        let again = Book::open(&path).unwrap();
        assert_eq!(again.users().len(), 1);
        assert_eq!(again.users()[0].role, Role::Operator);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{").unwrap();
        assert!(Book::open(&path).is_err(), "a broken file is no empty book");
    }
}
