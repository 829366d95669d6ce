package library;

public final class Library {
    private Library() {}

    public static String text() {
        return "from the layer";
    }
}
