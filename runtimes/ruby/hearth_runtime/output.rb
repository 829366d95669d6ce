# frozen_string_literal: true

module HearthRuntime
  # Where output goes: to the platform's log channel as frames, or to plain stdout.
  #
  # A frame carries one log event whole, however many lines it has: a big-endian u32 kind, u32 length, u64 microseconds
  # since the epoch, then the text. What goes through $stdout and $stderr is framed too, line by line, so that prints and
  # log records keep their order; `puts` of several lines is one event, as on Lambda. Descriptors 1 and 2 stay what they
  # were for child processes and C code.
  module Output
    LINE = 0xa55a0003
    # Pieces of lines on stdout and on stderr. One that ends with a line end, or is empty, is the last of its line.
    STDOUT_PIECE = 0xa55a0083
    STDERR_PIECE = 0xa55a00a3
    # By Logger's severity: DEBUG, INFO, WARN, ERROR, FATAL, and UNKNOWN, which has none.
    LEVELS = [8, 12, 16, 20, 24, 0].freeze
    TEXT = 0xa55a0003
    JSON_TEXT = 0xa55a0002

    class << self
      def install(descriptor)
        $stdout.sync = true
        $stderr.sync = true
        return unless descriptor

        @lock = Mutex.new
        @channel = IO.for_fd(Integer(descriptor), "wb")
        @channel.sync = true
        @channel.close_on_exec = true
        @streams = [Lines.new($stdout, STDOUT_PIECE), Lines.new($stderr, STDERR_PIECE)]
        # Ruby writes warnings past the `write` of its own stderr.
        Warning.define_singleton_method(:warn) { |message, **| $stderr.write(message) && nil }
        Kernel.module_eval { private define_method(:puts) { |*values| Output.puts(values) } }
      end

      def json?
        ENV["AWS_LAMBDA_LOG_FORMAT"].to_s.casecmp?("JSON")
      end

      # One event, with the level of a severity of Logger's if it has one.
      def log(text, severity = nil)
        return $stdout.write(text) unless @channel

        frame((json? && severity ? JSON_TEXT : TEXT) + (severity ? LEVELS.fetch(severity, 0) : 0), text)
      end

      def puts(values)
        # Somebody who put another object in the place of stdout wants to see what is printed.
        return $stdout.puts(*values) unless $stdout.equal?(STDOUT)

        text = values.empty? ? "\n" : StringIO.new(+"").tap { |lines| lines.puts(*values) }.string
        @streams.first.end_line
        frame(LINE, text)
        nil
      end

      def frame(kind, text)
        bytes = text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: "\uFFFD").b
        now = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
        data = [kind, bytes.bytesize, now].pack("NNQ>") << bytes
        exclusively { write_all(data) }
      end

      # Ends the lines that are printed so far, a last one without an end included.
      def flush
        @streams&.each(&:end_line)
      end

      private

      # Inside a signal handler no lock can be taken.
      def exclusively(&block)
        @lock.owned? ? yield : @lock.synchronize(&block)
      rescue ThreadError
        yield
      end

      def write_all(data)
        sent = @channel.syswrite(data)
        while sent < data.bytesize
          data = data.byteslice(sent..)
          sent = @channel.syswrite(data)
        end
      rescue Errno::EPIPE
        # Nobody listens any more; that is no reason for a function's `puts` to fail.
      end
    end

    # A standard stream whose `write` makes frames: `print`, `p`, `<<`, `printf` and `warn` all end there.
    class Lines
      def initialize(stream, piece)
        @piece = piece
        @open = false
        lines = self
        stream.define_singleton_method(:write) { |*values| lines.write(values) }
      end

      def write(values)
        text = values.join
        size = text.bytesize
        text = text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: "\uFFFD")
        text.each_line { |line| write_line(line) }
        size
      end

      def end_line
        return unless @open

        @open = false
        Output.frame(@piece, "")
      end

      private

      def write_line(line)
        whole = line.end_with?("\n")
        Output.frame(@open || !whole ? @piece : LINE, line)
        @open = !whole
      end
    end
  end
end
