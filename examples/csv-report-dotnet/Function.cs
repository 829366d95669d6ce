using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace CsvReport
{
    /// A table as CSV text, the column to add up, and the column whose values make the groups.
    public class Request
    {
        public string Csv { get; set; }
        public string Sum { get; set; }
        public string By { get; set; }
    }

    public class Group
    {
        public string Name { get; set; }
        public int Rows { get; set; }
        public decimal Total { get; set; }
        public decimal Average { get; set; }
    }

    public class Report
    {
        public int Rows { get; set; }
        public int Skipped { get; set; }
        public decimal Total { get; set; }
        public List<Group> Groups { get; set; }
    }

    public class Function
    {
        public Report Handle(Request request, ILambdaContext context)
        {
            var table = Csv.Parse(request.Csv ?? "");
            if (table.Count == 0)
                throw new ArgumentException("the table is empty: its first line has to name the columns");
            var sum = Column(table[0], request.Sum);
            var by = Column(table[0], request.By);
            var report = new Report { Rows = table.Count - 1 };
            var groups = new SortedDictionary<string, List<decimal>>(StringComparer.Ordinal);
            foreach (var row in table.Skip(1))
            {
                if (row.Length != table[0].Length || !decimal.TryParse(row[sum], NumberStyles.Number, CultureInfo.InvariantCulture, out var value))
                {
                    report.Skipped++;
                    context.Logger.LogWarning("a row was left out: " + string.Join(", ", row));
                    continue;
                }
                if (!groups.TryGetValue(row[by], out var values))
                    groups[row[by]] = values = new List<decimal>();
                values.Add(value);
            }
            report.Groups = groups.Select(group => new Group
            {
                Name = group.Key,
                Rows = group.Value.Count,
                Total = group.Value.Sum(),
                Average = Math.Round(group.Value.Average(), 2),
            }).ToList();
            report.Total = report.Groups.Sum(group => group.Total);
            context.Logger.LogInformation($"{report.Rows} rows in {report.Groups.Count} groups");
            return report;
        }

        private static int Column(string[] header, string name)
        {
            var index = Array.IndexOf(header, name);
            return index >= 0 ? index : throw new ArgumentException($"there is no column \"{name}\"; there are: {string.Join(", ", header)}");
        }
    }

    /// RFC 4180: commas, quotes around what has some, and quotes doubled inside quotes.
    public static class Csv
    {
        public static List<string[]> Parse(string text)
        {
            var rows = new List<string[]>();
            var row = new List<string>();
            var cell = "";
            var quoted = false;
            for (var at = 0; at < text.Length; at++)
            {
                var letter = text[at];
                if (quoted && letter == '"' && at + 1 < text.Length && text[at + 1] == '"')
                {
                    cell += '"';
                    at++;
                }
                else if (letter == '"')
                    quoted = !quoted;
                else if (quoted || letter != ',' && letter != '\n' && letter != '\r')
                    cell += letter;
                else if (letter != '\r')
                {
                    row.Add(cell);
                    cell = "";
                    if (letter == '\n')
                    {
                        rows.Add(row.ToArray());
                        row.Clear();
                    }
                }
            }
            if (cell != "" || row.Count > 0)
            {
                row.Add(cell);
                rows.Add(row.ToArray());
            }
            return rows;
        }
    }
}
