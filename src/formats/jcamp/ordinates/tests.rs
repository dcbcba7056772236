use super::*;

fn table(text: &str) -> Result<Ordinates, Broken> {
    let lines = || text.lines().enumerate().map(|(i, line)| (i + 1, line));
    read(lines(), Dialect::of(lines().map(|(_, line)| line), false), 1 << 14)
}

fn values(text: &str) -> Vec<f64> {
    table(text).unwrap_or_else(|why| panic!("{text}: {why:?}")).y
}

#[test]
fn the_standards_own_example_is_read_the_same_in_every_form() {
    // Section 5.9 of the 1988 paper: one line of data in each form.
    let expected = [1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0];
    for form in [
        "99 1 2 3 3 2 1 0 -1 -2 -3",
        "99+1+2+3+3+2+1+0-1-2-3",
        "99ABCCBA@abc",
        "99A2C3C2A0-1-2-3".replace("A2C3C2A0", "A+2CTBA@").as_str(),
        "99AJJ%jjjjjj",
        "99AJT%jX",
    ] {
        assert_eq!(values(form), expected, "{form}");
    }
}

#[test]
fn an_e_is_a_digit_where_letters_are_digits_and_an_exponent_where_not() {
    assert_eq!(values("2296.0000E42F43"), [542.0, 643.0]);
    assert_eq!(values("2296.0000E42\n2297.0000E43"), [542.0, 543.0]);
    assert_eq!(values("4.0E2 1.5E3 2E-3"), [1500.0, 0.002]);
    assert_eq!(values("3.99263973e+02 1.0 2"), [1.0, 2.0]);
    assert_eq!(table("3.99263973e+02 1.0").unwrap().starts[0].x, 399.263_973);
}

#[test]
fn the_first_value_after_a_difference_is_a_check_and_no_point() {
    let wrong = table("10AJJ\n12C3J").unwrap();
    assert_eq!((wrong.y.as_slice(), wrong.failed_checks.as_slice()), (&[1.0, 2.0, 3.0, 34.0][..], &[(2, 33.0)][..]));
    let good = table("10AJJ\n12CJ").unwrap();
    assert_eq!((good.y, good.failed_checks), (vec![1.0, 2.0, 3.0, 4.0], vec![]));
    assert_eq!(good.starts[1].index, 2);
    // After plain values the first value of a line is a point.
    assert_eq!(values("10AB\n12CD"), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_missing_value_is_no_number() {
    assert!(values("10 1 ? 3")[1].is_nan());
}

#[test]
fn a_comma_is_the_decimal_mark_only_where_the_header_says_so() {
    let lines = || [(1, "400,5 1,25 2,5")].into_iter();
    let read = |decimal_comma| read(lines(), Dialect { packed: false, decimal_comma }, 20).unwrap().y;
    assert_eq!(read(true), [1.25, 2.5]);
    assert_eq!(read(false), [5.0, 1.0, 25.0, 2.0, 5.0]);
}

#[test]
fn repeats_cannot_fill_the_memory_and_junk_is_named_with_its_line() {
    assert_eq!(table("1A9999s999999999999"), Err(Broken::TooMany));
    assert_eq!(
        table("1As9999999999999999999999999999999999999999999999999"),
        Err(Broken::Line(1, "'9' fits into no number".to_owned()))
    );
    assert!(matches!(table("1 2 3\n4 5 #"), Err(Broken::Line(2, _))));
    assert!(matches!(table("1J2"), Err(Broken::Line(1, _))));
    assert!(matches!(table("1S2"), Err(Broken::Line(1, _))));
    assert!(matches!(table("A1"), Err(Broken::Line(1, _)) | Ok(_)));
}
