//! The `Date` of answers: written once per second and thread.

use std::cell::RefCell;

use jiff::Timestamp;
use wellspring_wire::Millis;

thread_local! {
    static NOW: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Appends `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn write(out: &mut Vec<u8>) {
    let second = Millis::now().0.div_euclid(1000);
    NOW.with_borrow_mut(|(written, text)| {
        if *written != second {
            *text = format(second);
            *written = second;
        }
        out.extend_from_slice(text.as_bytes());
    });
}

fn format(second: i64) -> String {
    Timestamp::from_second(second)
        .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_have_the_form_of_the_standard() {
        assert_eq!(super::format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
