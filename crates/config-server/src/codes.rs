//! Every code of a complaint of the config server, with the paragraph that `wellspring explain` prints. 14xx.

use wellspring_properties::codes::Code;

/// All codes of this crate, in order.
pub const CODES: &[Code] = &[
    code(
        "WS-1401",
        "key that Spring Boot no longer reads",
        "A served file has the old key spring.profiles. Clients refuse such files since Spring Boot 2.4: write spring.config.activate.on-profile.",
    ),
    code(
        "WS-1402",
        "XML properties cannot be read",
        "A served .xml file is not in the form that Java's properties have: <properties> with <entry key=\"...\">.",
    ),
    code(
        "WS-1410",
        "unknown kind of backend",
        "An entry of spring.cloud.config.server.composite has a type that this server does not have. The message lists those it has.",
    ),
    code(
        "WS-1411",
        "working directory cannot be read",
        "Relative search locations of the native backend begin at the working directory, and the system did not tell it.",
    ),
    code(
        "WS-1412",
        "repository is not configured",
        "The git backend needs spring.cloud.config.server.git.uri, or SPRING_CLOUD_CONFIG_SERVER_GIT_URI in the environment; a file: uri must hold a .git directory.",
    ),
    code(
        "WS-1413",
        "repository cannot be cloned",
        "clone-on-start asks for the repository before the first request, and it could not be had. Check the address, the network and the credentials; the message of the transport follows.",
    ),
    code(
        "WS-1414",
        "repository address cannot be used",
        "Repositories are reached by https, http, ssh (also git@host:path), git and file addresses.",
    ),
    code(
        "WS-1415",
        "host key is incomplete",
        "host-key and host-key-algorithm of a repository belong together.",
    ),
    code(
        "WS-1431",
        "database settings cannot be used",
        "The jdbc backend takes spring.datasource.url, a jdbc:postgresql://, jdbc:mysql:// or jdbc:mariadb:// address, with username and password. The message says which part it cannot use.",
    ),
    code(
        "WS-1432",
        "Vault settings cannot be used",
        "The vault backend signs in with a token (spring.cloud.config.server.vault.token, or the client's X-Config-Token) or with authentication: TOKEN, APPROLE, KUBERNETES or CERT. The message names the setting.",
    ),
    code(
        "WS-1433",
        "Subversion settings cannot be used",
        "The svn backend needs spring.cloud.config.server.svn.uri (svn, svn+ssh, http, https or file) and the program svn.",
    ),
    code(
        "WS-1420",
        "key cannot be read",
        "encrypt.key begins like a PEM private key but is none. A symmetric key is any text; an RSA key is a whole PEM block.",
    ),
    code(
        "WS-1421",
        "key store cannot be used",
        "encrypt.key-store names a store that cannot be opened, has the wrong password, or lacks the alias. JKS and PKCS#12 stores are read.",
    ),
    code("WS-1422", "unknown encryption algorithm", "encrypt.rsa.algorithm is DEFAULT or OAEP."),
    code(
        "WS-1460",
        "values do not fit their schema",
        "The repository keeps a JSON schema for this application (wellspring.config.schema-path), and the effective values of a new commit break it. The last good commit stays in service.",
    ),
    code(
        "WS-1461",
        "schema cannot be used",
        "A JSON schema in the repository is no JSON, is no schema, or refers to one that is not in the file; schemas are not fetched from elsewhere.",
    ),
    code(
        "WS-1462",
        "pins cannot be read",
        "The file with the labels that operators hold at a commit (wellspring.config.pins-file, else wellspring-pins.json in the basedir) is damaged. Starting without it would undo a roll back without a word.",
    ),
    code(
        "WS-1463",
        "encrypted value cannot be decrypted",
        "A new commit has a {cipher} value that none of the configured keys opens. Encrypt it with POST /encrypt of this server, or add the key it names.",
    ),
    code(
        "WS-1480",
        "no key to encrypt with",
        "`wellspring config reencrypt` reads the old and the new key each from a settings file: encrypt.key, or encrypt.key-store with location, password and alias.",
    ),
    code(
        "WS-1481",
        "new key cannot be used",
        "The new key was tried before anything was read, and did not decrypt what it had encrypted. With a key store, check alias and secret; --alias names another key of it.",
    ),
    code(
        "WS-1482",
        "file or directory cannot be encrypted anew",
        "`wellspring config reencrypt` reads all files below the given paths before it writes any. One of them could not be read, or it is a bare repository, which has no files.",
    ),
];

const fn code(code: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { code, title, explanation }
}
