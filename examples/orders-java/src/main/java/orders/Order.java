package orders;

import java.util.List;

/** What a customer asks for. */
public record Order(String id, List<Line> lines) {
    public record Line(String article, int count) {}

    /** Why nobody will ever be able to deliver it; null if somebody may. */
    String defect() {
        if (id == null || id.isBlank()) {
            return "it has no id";
        }
        if (lines == null || lines.isEmpty()) {
            return "it has no lines";
        }
        return lines.stream().anyMatch(line -> line.article() == null || line.count() < 1) ? "a line has no article or no count" : null;
    }
}
