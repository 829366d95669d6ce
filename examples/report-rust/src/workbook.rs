//! From rows to a workbook.

use lambda_runtime::Error;
use rust_xlsxwriter::{Format, FormatBorder, Formula, Workbook, Worksheet};
use serde::Deserialize;
use serde_json::Value;

/// Rows of a sheet, its header aside. Source: Excel's specification.
const ROWS_MAX: usize = 1_048_574;
const COLUMNS_MAX: usize = 16_384;
/// Characters of a sheet's name.
const TITLE_MAX: usize = 31;

/// What the caller wants.
#[derive(Debug, Deserialize)]
pub struct Wish {
    #[serde(default = "default_title")]
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// Columns that are summed up.
    #[serde(default)]
    pub total: Vec<String>,
}

fn default_title() -> String {
    "Report".to_owned()
}

impl Wish {
    /// Checked: every row has as many values as there are columns, and every total names one.
    pub fn of(wish: Value) -> Result<Self, Error> {
        let wish: Self = serde_json::from_value(wish)?;
        let columns = wish.columns.len();
        if columns == 0 || columns > COLUMNS_MAX || wish.rows.len() > ROWS_MAX {
            return Err(format!("expected 1 to {COLUMNS_MAX} columns and up to {ROWS_MAX} rows").into());
        }
        if let Some(at) = wish.rows.iter().position(|row| row.len() != columns) {
            return Err(format!("expected {columns} values in row {at}, found {}", wish.rows[at].len()).into());
        }
        if let Some(stray) = wish.total.iter().find(|name| !wish.columns.contains(name)) {
            return Err(format!("expected the name of a column as total, found {stray:?}").into());
        }
        Ok(wish)
    }

    pub fn file_name(&self) -> String {
        format!("{}.xlsx", self.sheet_name())
    }

    fn sheet_name(&self) -> String {
        let kept = self.title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name: String = kept.take(TITLE_MAX).collect();
        if name.trim().is_empty() { default_title() } else { name.trim().to_owned() }
    }

    pub fn workbook(&self) -> Result<Vec<u8>, Error> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet().set_name(self.sheet_name())?;
        let bold = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
        for (name, column) in self.columns.iter().zip(0..) {
            sheet.write_string_with_format(0, column, name, &bold)?;
        }
        for (values, row) in self.rows.iter().zip(1..) {
            for (value, column) in values.iter().zip(0..) {
                write(sheet, row, column, value)?;
            }
        }
        self.write_totals(sheet)?;
        sheet.set_freeze_panes(1, 0)?;
        let last = (u32::try_from(self.rows.len())?, u16::try_from(self.columns.len() - 1)?);
        sheet.autofilter(0, 0, last.0, last.1)?;
        sheet.autofit();
        Ok(workbook.save_to_buffer()?)
    }

    fn write_totals(&self, sheet: &mut Worksheet) -> Result<(), Error> {
        let row = u32::try_from(self.rows.len())? + 1;
        let bold = Format::new().set_bold().set_border_top(FormatBorder::Thin);
        for (name, column) in self.columns.iter().zip(0..) {
            if self.total.contains(name) {
                let letter = rust_xlsxwriter::utility::column_number_to_name(column);
                sheet.write_formula_with_format(row, column, Formula::new(format!("=SUM({letter}2:{letter}{row})")), &bold)?;
            }
        }
        Ok(())
    }
}

fn write(sheet: &mut Worksheet, row: u32, column: u16, value: &Value) -> Result<(), Error> {
    match value {
        Value::Null => {}
        Value::Bool(truth) => drop(sheet.write_boolean(row, column, *truth)?),
        Value::Number(number) => drop(sheet.write_number(row, column, number.as_f64().unwrap_or(f64::NAN))?),
        Value::String(text) => drop(sheet.write_string(row, column, text)?),
        other => drop(sheet.write_string(row, column, other.to_string())?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_fit_for_sheets() {
        let named = |title: &str| {
            let wish = json!({ "title": title, "columns": ["a"], "rows": [] });
            Wish::of(wish).unwrap().sheet_name()
        };
        assert_eq!(named("Q3: sales/costs?"), "Q3 salescosts");
        assert_eq!(named("///"), "Report");
        assert_eq!(named(&"x".repeat(40)).len(), TITLE_MAX);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (wish, expected) in [
            (json!({ "columns": [], "rows": [] }), "columns"),
            (json!({ "columns": ["a"], "rows": [[1], []] }), "in row 1, found 0"),
            (json!({ "columns": ["a"], "rows": [], "total": ["b"] }), "found \"b\""),
        ] {
            let error = Wish::of(wish).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
