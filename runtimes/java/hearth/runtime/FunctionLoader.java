package hearth.runtime;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The function's classes: those of its package, the libraries in its {@code lib} folder, and those of its layers. */
final class FunctionLoader extends URLClassLoader {
    static {
        registerAsParallelCapable();
    }

    FunctionLoader(String task, String layers) throws MalformedURLException {
        super(urls(task, layers), ClassLoader.getSystemClassLoader());
    }

    private static URL[] urls(String task, String layers) throws MalformedURLException {
        List<URL> urls = new ArrayList<>();
        // With its slash at the end, which tells the loader that it is a folder.
        urls.add(new URL("file", "", new File(task).toURI().getRawPath().replaceAll("/*$", "/")));
        for (String folder : new String[] {task + "/lib", layers}) {
            File[] jars = new File(folder).listFiles((in, name) -> name.endsWith(".jar"));
            if (jars != null) {
                Arrays.sort(jars);
                for (File jar : jars) {
                    urls.add(jar.toURI().toURL());
                }
            }
        }
        return urls.toArray(new URL[0]);
    }
}
