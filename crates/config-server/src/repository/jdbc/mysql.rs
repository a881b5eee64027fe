//! MySQL and MariaDB.

use std::path::PathBuf;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, Row as Raw, SslOpts, Value};
use wellspring_properties::java_double;

use super::Row;
use super::url::{Target, Tls};

#[derive(Debug)]
pub(super) struct Connection {
    /// `None`: closed.
    conn: Option<Conn>,
}

/// The first host that answers.
pub(super) async fn connect(target: &Target) -> Result<Connection, String> {
    let mut last = "no host".to_owned();
    for (host, port) in &target.hosts {
        let plain = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(*port)
            .db_name(target.database.as_deref())
            .user(target.username.as_deref())
            .pass(target.password.as_ref().map(|password| &password.0))
            .setup(target.session.iter().map(|session| format!("SET {session}")).collect())
            // A socket would go around the address that is asked for.
            .prefer_socket(false);
        let secured = OptsBuilder::from_opts(Opts::from(plain.clone())).ssl_opts(tls(target));
        last = match Conn::new(secured).await {
            Ok(conn) => return Ok(Connection { conn: Some(conn) }),
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if target.tls == Tls::Preferred => {
                match Conn::new(plain).await {
                    Ok(conn) => return Ok(Connection { conn: Some(conn) }),
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
    }
    Err(last)
}

fn tls(target: &Target) -> Option<SslOpts> {
    let roots = || target.roots.iter().map(|file| PathBuf::from(file).into()).collect();
    match target.tls {
        Tls::Off => None,
        Tls::Preferred | Tls::Encrypted => Some(
            SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
        ),
        Tls::Trusted => {
            Some(SslOpts::default().with_root_certs(roots()).with_danger_skip_domain_validation(true))
        }
        Tls::Verified => Some(SslOpts::default().with_root_certs(roots())),
    }
}

impl Connection {
    pub(super) async fn query(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Row>, String> {
        let conn = self.conn.as_mut().ok_or("the connection is closed")?;
        let rows: Result<Vec<Raw>, Error> = conn.exec(sql, values.to_vec()).await;
        match rows {
            Ok(rows) => Ok(rows.iter().filter_map(pair).collect()),
            // Complaints of the server leave the connection as it is, anything else does not.
            Err(Error::Server(error)) => Err(error.to_string()),
            Err(error) => {
                self.close();
                Err(error.to_string())
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.conn.is_none()
    }

    pub(super) fn close(&mut self) {
        self.conn = None;
    }
}

fn pair(row: &Raw) -> Option<Row> {
    Some((text(row, 0)?, text(row, 1)))
}

/// A column as JDBC's `getString` gives it; `None` for NULL.
fn text(row: &Raw, at: usize) -> Option<String> {
    let kind = row.columns_ref().get(at)?.column_type();
    Some(match row.as_ref(at)? {
        Value::NULL => return None,
        Value::Bytes(bytes) if kind == ColumnType::MYSQL_TYPE_BIT => {
            bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).to_string()
        }
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => java_double(number.to_string().parse().unwrap_or_default()),
        Value::Double(number) => java_double(*number),
        Value::Date(year, month, day, ..) if kind == ColumnType::MYSQL_TYPE_DATE => {
            format!("{year:04}-{month:02}-{day:02}")
        }
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
            date + &fraction(*micros)
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if *negative { "-" } else { "" };
            let hours = days * 24 + u32::from(*hours);
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(*micros))
        }
    })
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}
