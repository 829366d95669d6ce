using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json;

namespace Hearth.Runtime
{
    /// A message such as "{name} bought {count:000} of {@product}" and the values of its holes, in their order or, where
    /// the names are 0, 1, 2 ..., by number. `{{` stands for a brace. In JSON each value is a member of the record, too.
    internal sealed class MessageTemplate
    {
        private const string Times = "yyyy-MM-ddTHH:mm:ss.fffZ";

        /// Serilog's limit, which AWS's runtime follows.
        private const int BytesShown = 16;

        private readonly string text;
        private readonly object?[] values;
        private readonly List<Hole> holes;
        private readonly bool numbered;

        private struct Hole
        {
            internal int Start, End;
            internal string Name, Format;
            internal bool AsJson;
        }

        internal MessageTemplate(string text, object?[] values)
        {
            this.text = text;
            this.values = values;
            // A message without values is no template, whatever braces it has.
            holes = values.Length == 0 ? new List<Hole>() : Find(text);
            var numbers = holes.Select(hole => int.TryParse(hole.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1).ToList();
            numbered = numbers.Count > 0 && numbers.Min() == 0 && numbers.Distinct().Count() == numbers.Max() + 1;
        }

        private static List<Hole> Find(string text)
        {
            var holes = new List<Hole>();
            for (var at = 0; at < text.Length; at++)
            {
                if (text[at] != '{')
                    continue;
                if (at + 1 < text.Length && text[at + 1] == '{')
                {
                    at++;
                    continue;
                }
                var end = text.IndexOf('}', at);
                if (end <= at + 1)
                    continue;
                var token = text.Substring(at + 1, end - at - 1);
                var asJson = token.StartsWith("@", StringComparison.Ordinal);
                var parts = token.Substring(asJson ? 1 : 0).Split(new[] { ':' }, 2);
                holes.Add(new Hole
                {
                    Start = at, End = end + 1, AsJson = asJson, Name = parts[0].Trim(),
                    Format = parts.Length > 1 ? parts[1].Trim() : "",
                });
                at = end;
            }
            return holes;
        }

        private bool TryValue(int index, out object? value)
        {
            var number = numbered ? int.Parse(holes[index].Name, CultureInfo.InvariantCulture) : index;
            value = number < values.Length ? values[number] : null;
            return number < values.Length;
        }

        public override string ToString()
        {
            if (values.Length == 0)
                return text;
            var message = new StringBuilder(text.Length + 32);
            var at = 0;
            for (var index = 0; index < holes.Count; index++)
            {
                var hole = holes[index];
                Plain(message, text.Substring(at, hole.Start - at));
                message.Append(TryValue(index, out var value) ? InMessage(hole, value) : text.Substring(hole.Start, hole.End - hole.Start));
                at = hole.End;
            }
            Plain(message, text.Substring(at));
            return message.ToString();
        }

        private static void Plain(StringBuilder message, string part) =>
            message.Append(part).Replace("{{", "{", message.Length - part.Length, part.Length);

        /// Null and collections leave the hole as it is written; in JSON they are members all the same.
        private string? InMessage(Hole hole, object? value)
        {
            if (Bytes(value) is string hex)
                return hex;
            if (value == null || value is IList || value is IDictionary)
                return text.Substring(hole.Start, hole.End - hole.Start);
            return hole.Format != "" ? Formatted(value, hole.Format) : Time(value) ?? value.ToString();
        }

        private static string Formatted(object value, string format)
        {
            try
            {
                return string.Format("{0:" + format + "}", value);
            }
            catch (FormatException)
            {
                return value.ToString() ?? "";
            }
        }

        private static string? Time(object value)
        {
            switch (value)
            {
                case DateTime time: return time.ToString(Times, CultureInfo.InvariantCulture);
                case DateTimeOffset time: return time.ToString(Times, CultureInfo.InvariantCulture);
                default: return null;
            }
        }

        private static string? Bytes(object? value)
        {
            ReadOnlyMemory<byte> bytes;
            switch (value)
            {
                case byte[] array: bytes = array; break;
                case ReadOnlyMemory<byte> memory: bytes = memory; break;
                case Memory<byte> memory: bytes = memory; break;
                default: return null;
            }
            var hex = string.Concat(bytes.ToArray().Take(BytesShown).Select(one => one.ToString("X2", CultureInfo.InvariantCulture)));
            return bytes.Length > BytesShown ? $"{hex}... ({bytes.Length} bytes)" : hex;
        }

        internal void WriteValues(Utf8JsonWriter record)
        {
            var written = new HashSet<string>();
            for (var index = 0; index < holes.Count; index++)
            {
                var hole = holes[index];
                if (!TryValue(index, out var value) || value == null || !written.Add(hole.Name))
                    continue;
                record.WritePropertyName(hole.Name);
                Write(record, hole, value);
            }
        }

        private static void Write(Utf8JsonWriter record, Hole hole, object value)
        {
            switch (value)
            {
                case IDictionary entries when !hole.AsJson:
                    record.WriteStartObject();
                    foreach (DictionaryEntry? entry in entries)
                    {
                        record.WritePropertyName(entry!.Value.Key.ToString() ?? "");
                        WriteOne(record, hole, entry.Value.Value);
                    }
                    record.WriteEndObject();
                    break;
                case IList items when !hole.AsJson && !(value is IList<byte>):
                    record.WriteStartArray();
                    foreach (var item in items)
                        WriteOne(record, hole, item);
                    record.WriteEndArray();
                    break;
                default:
                    WriteOne(record, hole, value);
                    break;
            }
        }

        private static void WriteOne(Utf8JsonWriter record, Hole hole, object? value)
        {
            if (value != null && hole.AsJson && Serialized(value) is JsonDocument document)
            {
                using (document)
                    document.RootElement.WriteTo(record);
                return;
            }
            if (value != null && hole.Format != "")
            {
                record.WriteStringValue(Formatted(value, hole.Format));
                return;
            }
            switch (value)
            {
                case null: record.WriteNullValue(); break;
                case bool known: record.WriteBooleanValue(known); break;
                case float known when !float.IsNaN(known) && !float.IsInfinity(known): record.WriteNumberValue(known); break;
                case double known when !double.IsNaN(known) && !double.IsInfinity(known): record.WriteNumberValue(known); break;
                case decimal known: record.WriteNumberValue(known); break;
                case ulong known: record.WriteNumberValue(known); break;
                case sbyte _: case byte _: case short _: case ushort _: case int _: case uint _: case long _:
                    record.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                    break;
                default:
                    record.WriteStringValue(Bytes(value) ?? Time(value) ?? Convert.ToString(value, CultureInfo.InvariantCulture));
                    break;
            }
        }

        /// Null where the value has no form in JSON.
        private static JsonDocument? Serialized(object value)
        {
            try
            {
                return JsonDocument.Parse(JsonSerializer.Serialize(value, value.GetType()));
            }
            catch (Exception problem) when (problem is NotSupportedException || problem is JsonException || problem is InvalidOperationException)
            {
                return null;
            }
        }
    }
}
