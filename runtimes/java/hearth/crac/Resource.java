package hearth.crac;

/** Something that takes part in a snapshot. A function registers its own through {@code org.crac}, which finds us here. */
public interface Resource {
    void beforeCheckpoint(Context<? extends Resource> context) throws Exception;

    void afterRestore(Context<? extends Resource> context) throws Exception;
}
