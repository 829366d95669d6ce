# frozen_string_literal: true

require_relative "call"

module HearthRuntime
  # The lean channel: frames over an inherited, connected Unix stream socket.
  #
  # A frame is a big-endian u32 length of what follows, a kind byte and a payload; `docs/develop/runtime-channel.md` has
  # the whole of it.
  class Channel
    INVOKE = 1
    SPECIALISE = 2
    READY = 16
    INIT_ERROR = 17
    RESPONSE = 18
    ERROR = 19
    LAST_ERROR = 20
    PARKED = 24

    # One read takes a whole frame in the common case.
    FIRST_READ = 65_536

    def initialize(descriptor)
      @socket = IO.for_fd(descriptor, "r+b")
      @socket.sync = true
      @socket.close_on_exec = true
      @ahead = String.new(capacity: FIRST_READ)
    end

    def ready
      send_frame(READY, "", "")
    end

    def next
      parse(wait_for(INVOKE))
    end

    # Waits until it is known which function this process serves; the variables it has then.
    def parked
      send_frame(PARKED, "", "")
      JSON.parse(wait_for(SPECIALISE).byteslice(1..).force_encoding(Encoding::UTF_8)).fetch("environment")
    end

    def respond(request_id, body)
      send_frame(RESPONSE, short(request_id), body)
    end

    # After the last failure of a process the server expects its end.
    def fail(request_id, error_type, document, last)
      send_frame(last ? LAST_ERROR : ERROR, short(request_id) + short(error_type), document)
    end

    def init_error(error_type, document)
      send_frame(INIT_ERROR, short(error_type), document)
    end

    private

    def wait_for(kind)
      loop do
        frame = read_frame
        return frame if frame.getbyte(0) == kind
      end
    end

    # The next frame without its length.
    def read_frame
      fill(4)
      length = @ahead.unpack1("N")
      fill(4 + length)
      if @ahead.bytesize == 4 + length
        frame = @ahead.byteslice(4, length)
        @ahead.clear
      else
        frame = @ahead.byteslice(4, length)
        @ahead = @ahead.byteslice(4 + length..)
      end
      frame
    end

    def fill(size)
      while @ahead.bytesize < size
        @ahead << @socket.sysread([FIRST_READ, size - @ahead.bytesize].max)
      end
    rescue EOFError, Errno::ECONNRESET
      # The server has gone; so has the purpose of this process.
      exit(0)
    end

    def parse(frame)
      at = 9
      texts = Array.new(6) do
        length = frame.byteslice(at, 2).unpack1("n")
        text = frame.byteslice(at + 2, length).force_encoding(Encoding::UTF_8)
        at += 2 + length
        text
      end
      body = frame.byteslice(at..).force_encoding(Encoding::UTF_8)
      Call.new(frame.byteslice(1, 8).unpack1("Q>"), *texts, body, "application/json")
    end

    # A string with its u16 length in front; cut where it would not fit (no request id or error type is that long).
    def short(text)
      bytes = text.b.byteslice(0, 65_535)
      [bytes.bytesize].pack("n") << bytes
    end

    def send_frame(kind, head, body)
      data = [1 + head.bytesize + body.bytesize, kind].pack("NC") << head.b << body.b
      sent = @socket.syswrite(data)
      while sent < data.bytesize
        data = data.byteslice(sent..)
        sent = @socket.syswrite(data)
      end
    rescue Errno::EPIPE, Errno::ECONNRESET
      exit(0)
    end
  end
end
