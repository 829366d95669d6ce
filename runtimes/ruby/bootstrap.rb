# frozen_string_literal: true

# Entry of a Ruby function's process: `ruby -EUTF-8 bootstrap.rb`.
#
# Nothing here is on $LOAD_PATH, so that no file of a function can be taken for one of these, nor the other way round.

require_relative "hearth_runtime/main"

HearthRuntime::Main.run
