using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;

namespace Hearth.Runtime
{
    /// The function's assembly and what it stands on, loaded beside this one as if the process had been started for it: what
    /// its `deps.json` lists (or, without one, what lies beside it) is found when the runtime itself has it not.
    internal static class FunctionAssembly
    {
        internal static Assembly Load(string folder, string name)
        {
            var path = Path.Combine(folder, name + ".dll");
            if (!File.Exists(path))
                throw new LambdaValidationException(
                    $"Could not find the specified handler assembly with the file name '{name}, Culture=neutral, PublicKeyToken=null'. " +
                    "The assembly should be located in the root of your uploaded .zip file.");
            try
            {
                // The one that lists everything is not always the one that has the handler.
                var main = Environment.GetEnvironmentVariable("LAMBDA_DOTNET_MAIN_ASSEMBLY");
                Resolve(folder, string.IsNullOrEmpty(main) ? path : Path.Combine(folder, main.EndsWith(".dll", StringComparison.Ordinal) ? main : main + ".dll"));
                return AssemblyLoadContext.Default.LoadFromAssemblyPath(path);
            }
            catch (Exception problem) when (problem is BadImageFormatException || problem is FileLoadException || problem is InvalidOperationException)
            {
                throw new LambdaValidationException($"Unable to load assembly '{name}'.", problem);
            }
        }

        private static void Resolve(string folder, string main)
        {
            var listed = new AssemblyDependencyResolver(main);
            AssemblyLoadContext.Default.Resolving += (context, wanted) =>
            {
                var path = listed.ResolveAssemblyToPath(wanted) ?? Path.Combine(folder, wanted.Name + ".dll");
                return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
            };
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, wanted) =>
            {
                foreach (var path in Libraries(listed, folder, wanted))
                    if (File.Exists(path) && System.Runtime.InteropServices.NativeLibrary.TryLoad(path, out var library))
                        return library;
                return IntPtr.Zero;
            };
        }

        private static IEnumerable<string> Libraries(AssemblyDependencyResolver listed, string folder, string wanted)
        {
            if (listed.ResolveUnmanagedDllToPath(wanted) is string path)
                yield return path;
            foreach (var name in new[] { wanted, wanted + ".so", "lib" + wanted, "lib" + wanted + ".so" })
                yield return Path.Combine(folder, name);
        }
    }
}
