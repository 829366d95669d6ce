using System;
using System.Runtime.InteropServices;

namespace Hearth.Runtime
{
    /// The few calls of the C library that .NET has no form for. A socket or pipe that is inherited is read and written
    /// directly: .NET of 3.1 has no way to make its own objects of one.
    internal static class Native
    {
        private const int FcntlSetDescriptorFlags = 2;
        private const int CloseOnExec = 1;
        private const int Interrupted = 4;

        [DllImport("libc.so.6", SetLastError = true)]
        private static extern IntPtr read(int descriptor, ref byte buffer, IntPtr count);

        [DllImport("libc.so.6", SetLastError = true)]
        private static extern IntPtr write(int descriptor, ref byte buffer, IntPtr count);

        [DllImport("libc.so.6", SetLastError = true)]
        private static extern int fcntl(int descriptor, int command, int argument);

        [DllImport("libc.so.6")]
        private static extern int clearenv();

        [DllImport("libc.so.6")]
        private static extern int setenv(
            [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);

        /// Children get the environment, not the descriptor.
        internal static void KeepFromChildren(int descriptor) => fcntl(descriptor, FcntlSetDescriptorFlags, CloseOnExec);

        /// How many bytes were read; 0 when the other side is gone, by whatever way.
        internal static int Read(int descriptor, byte[] buffer, int offset, int count)
        {
            while (true)
            {
                var got = (int)read(descriptor, ref buffer[offset], (IntPtr)count);
                if (got >= 0)
                    return got;
                if (Marshal.GetLastWin32Error() != Interrupted)
                    return 0;
            }
        }

        /// False when the other side is gone.
        internal static bool Write(int descriptor, byte[] buffer, int offset, int count)
        {
            while (count > 0)
            {
                var sent = (int)write(descriptor, ref buffer[offset], (IntPtr)count);
                if (sent < 0)
                {
                    if (Marshal.GetLastWin32Error() == Interrupted)
                        continue;
                    return false;
                }
                offset += sent;
                count -= sent;
            }
            return true;
        }

        /// The C library's own variables, which code that is not .NET's reads.
        internal static void ReplaceEnvironment(System.Collections.Generic.IEnumerable<(string, string)> variables)
        {
            clearenv();
            foreach (var (name, value) in variables)
                setenv(name, value, 1);
        }
    }
}
