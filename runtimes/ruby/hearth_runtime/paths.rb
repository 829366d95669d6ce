# frozen_string_literal: true

module HearthRuntime
  # Where `require` and RubyGems look: the code first, RUBYLIB, GEM_PATH, then what the interpreter has installed.
  #
  # Ruby reads RUBYLIB when it starts; a parked process learns of the function's afterwards.
  module Paths
    class << self
      def remember
        at_start = entries
        @own = $LOAD_PATH.reject { |folder| at_start.include?(folder) }
      end

      def install(task_root)
        $LOAD_PATH.replace([task_root, *entries, *@own].uniq)
        path = [ENV["GEM_PATH"], *Gem.default_path].compact.reject(&:empty?).flat_map { |one| one.split(":") }
        Gem.paths = { "GEM_HOME" => ENV["GEM_HOME"], "GEM_PATH" => path.uniq.join(":") }
      end

      private

      def entries
        ENV["RUBYLIB"].to_s.split(":").reject(&:empty?).map { |folder| File.expand_path(folder) }
      end
    end
  end
end
