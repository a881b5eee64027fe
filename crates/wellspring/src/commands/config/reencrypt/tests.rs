use std::os::unix::fs::PermissionsExt;

use super::*;

/// `hello` under [`OLD`].
const HELLO: &str = "bdb8465b75953f879cfab9b9443ff491ce228638b8f597040123734dfb0f93f3";
const OLD: &str = "encrypt.key: a-symmetric-key-of-some-length\n";
const NEW: &str = "encrypt:\n  key: another-key-of-some-length\n  salt: cafe\n";

struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        for (path, text) in files.iter().chain(&[("keys/old.yml", OLD), ("keys/new.yml", NEW)]) {
            let path = tree.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn run(&self, dry_run: bool, keep_undecryptable: bool) -> (bool, String) {
        let wanted = Wanted {
            from: self.path("keys/old.yml"),
            to: self.path("keys/new.yml"),
            alias: None,
            dry_run,
            keep_undecryptable,
        };
        let mut out = Vec::new();
        let fine = run(&[self.path("tree")], &wanted, Output::Table, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        (fine, text.replace(&format!("{}/", self.folder.path().display()), ""))
    }
}

fn cipher(text: &str) -> String {
    text.replace("HELLO", &format!("{{cipher}}{HELLO}"))
}

#[test]
fn a_tree_gets_the_new_key_and_nothing_else_changes() {
    let yml = cipher("# héllo\r\na: 'HELLO'  # c\r\nb: x\r\n");
    let tree = Tree::new(&[
        ("tree/application.yml", &yml),
        ("tree/sub/app.properties", &cipher("a=HELLO\nb=HELLO")),
        ("tree/nginx.conf", &cipher("set $a \"HELLO\";")),
        ("tree/plain.yml", "a: 1\n"),
        ("tree/.git/config", &cipher("HELLO")),
    ]);
    fs::set_permissions(tree.path("tree/nginx.conf"), Permissions::from_mode(0o640)).unwrap();
    let (fine, text) = tree.run(true, false);
    assert!(fine && text.ends_with("4 values in 3 files to encrypt anew, 0 have the new key already, 0 cannot be decrypted; nothing was written: --dry-run\n"), "{text}");
    assert_eq!(tree.text("tree/application.yml"), yml);

    let (fine, text) = tree.run(false, false);
    assert!(fine && text.ends_with("0 cannot be decrypted; written\n"), "{text}");
    let changed = tree.text("tree/application.yml");
    assert!(
        changed.starts_with("# héllo\r\na: '{cipher}")
            && changed.ends_with("'  # c\r\nb: x\r\n")
            && !changed.contains(HELLO),
        "{changed}"
    );
    assert_eq!(tree.text("tree/.git/config"), cipher("HELLO"));
    assert_eq!(fs::metadata(tree.path("tree/nginx.conf")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(tree.path("tree")).unwrap().count(), 5);

    let (fine, text) = tree.run(false, false);
    assert!(
        fine && text.starts_with("0 values in 0 files to encrypt anew, 4 have the new key already"),
        "{text}"
    );
    assert_eq!(tree.text("tree/application.yml"), changed);
}

#[test]
fn one_value_that_no_key_decrypts_keeps_all_files_as_they_are() {
    let tree =
        Tree::new(&[("tree/a.yml", &cipher("a: 'HELLO'\n")), ("tree/b.yml", "x: 1\ny: '{cipher}abcdef'\n")]);
    let (fine, text) = tree.run(false, false);
    assert!(
        !fine && text.contains("tree/b.yml:2: neither the old nor the new key decrypts this value\n"),
        "{text}"
    );
    assert_eq!(tree.text("tree/a.yml"), cipher("a: 'HELLO'\n"));

    let (fine, text) = tree.run(false, true);
    assert!(
        fine && text.contains("1 values in 1 files to encrypt anew, 0 have the new key already, 1 cannot"),
        "{text}"
    );
    assert_ne!(tree.text("tree/a.yml"), cipher("a: 'HELLO'\n"));
    assert_eq!(tree.text("tree/b.yml"), "x: 1\ny: '{cipher}abcdef'\n");
}

#[test]
fn a_file_that_cannot_be_replaced_undoes_the_others() {
    let tree = Tree::new(&[("tree/a.yml", &cipher("a: 'HELLO'\n")), ("tree/b.yml", &cipher("b: 'HELLO'\n"))]);
    // What a run that was killed left behind is in the way.
    fs::write(tree.path("tree/.b.yml.reencrypt"), "").unwrap();
    let (fine, text) = tree.run(false, false);
    assert!(!fine && text.contains("nothing was changed: "), "{text}");
    assert_eq!(tree.text("tree/a.yml"), cipher("a: 'HELLO'\n"));

    let file = |name: &str| {
        let before = fs::read(tree.path(name)).unwrap();
        let after = Rewritten { bytes: b"new".to_vec(), changed: 1, ..Rewritten::default() };
        File { path: tree.path(name), before, permissions: Permissions::from_mode(0o644), after }
    };
    drop(fs::remove_file(tree.path("tree/.b.yml.reencrypt")));
    let (a, b) = (file("tree/a.yml"), file("tree/b.yml"));
    fs::write(tree.path("tree/b.yml"), "changed meanwhile").unwrap();
    replace(&[&a, &b]).unwrap_err();
    assert_eq!(tree.text("tree/a.yml"), cipher("a: 'HELLO'\n"));
    assert_eq!(tree.text("tree/b.yml"), "changed meanwhile");
    assert_eq!(fs::read_dir(tree.path("tree")).unwrap().count(), 2);
}

#[test]
fn settings_without_a_key_and_bare_repositories_are_refused() {
    let tree = Tree::new(&[("tree/HEAD", ""), ("tree/objects/x", "")]);
    let (fine, text) = tree.run(false, false);
    assert!(!fine && text.contains("WS-1482") && text.contains("bare"), "{text}");
    fs::write(tree.path("keys/new.yml"), "a: 1\n").unwrap();
    let (fine, text) = tree.run(false, false);
    assert!(!fine && text.contains("WS-1480") && text.contains("new"), "{text}");
}
