package recent;

import java.util.List;

/** What Java 17 has and Java 11 lacks. */
public class Records {
    public record Point(int x, Integer y, String name) {}

    public record Line(List<Point> points, boolean closed) {
        public Line {
            if (points == null) {
                throw new IllegalArgumentException("no points");
            }
        }

        public int getCount() {
            return points.size();
        }
    }

    public Line handle(Line line) {
        return line;
    }
}
