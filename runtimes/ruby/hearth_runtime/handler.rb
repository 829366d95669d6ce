# frozen_string_literal: true

# The function behind a handler's name: `file.method`, or `file.Module::Class.method` with a method of the class.
#
# A method at the top of a file is called on the one object of this class, whose name shows in Ruby's own messages.
class LambdaHandler
  attr_reader :file_name

  def initialize(name)
    parts = name.split(".")
    unless parts.size.between?(2, 3)
      raise ArgumentError,
            "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME " \
            "corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace " \
            "and METHOD is a callable method. If using CLASS, METHOD must be a class-level method."
    end
    @file_name = parts.first
    @class_name = parts[1] if parts.size == 3
    @method_name = parts.last.to_sym
  end

  def call(event, context)
    if @class_name
      Kernel.const_get(@class_name).send(@method_name, event: event, context: context)
    else
      __send__(@method_name, event: event, context: context)
    end
  end
end
